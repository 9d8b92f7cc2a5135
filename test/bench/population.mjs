/** The sessions that fill the stores. Session `i` is the same in each store, because formulas define it. */
import { createHash } from 'node:crypto';

const DAY = 86_400;
const HEAVY_SUBJECTS = 5;
const HEAVY_STRIDE = 20;
const PER_SUBJECT = 10;
/** A prime, so that the sessions of a subject are created far apart, like real sign-ins. */
const STRIDE = 7919;

export const ABSOLUTE_SECONDS = 30 * DAY;

/** 95 % of the sessions belong to subjects with 10 each, the others to 5 subjects with many. */
export class Population {
  /** @param count divisible by 1,000 */
  constructor(count) {
    this.count = count;
    this.heavySize = count / HEAVY_STRIDE / HEAVY_SUBJECTS;
    this.subjects = (count - count / HEAVY_STRIDE) / PER_SUBJECT;
  }

  get heavySubjects() {
    return Array.from({ length: HEAVY_SUBJECTS }, (_, i) => `heavy-${i}`);
  }

  /** Returns subjects with 10 sessions, the same in each run and without duplicates. */
  subjectsFrom(first, length) {
    return Array.from(
      { length },
      (_, i) => `user-${((first + i) * STRIDE) % this.subjects}`,
    );
  }

  /** @param i from 1 to the count */
  recordAt(i) {
    const subject =
      i % HEAVY_STRIDE === 0
        ? `heavy-${(i / HEAVY_STRIDE) % HEAVY_SUBJECTS}`
        : `user-${((i - Math.floor(i / HEAVY_STRIDE)) * STRIDE) % this.subjects}`;
    const id = hash(`session ${i}`);
    return {
      id,
      subject,
      params: subject,
      attributes: {
        theme: 'dark',
        locale: 'en-GB',
        lastProject: { id: 4711, name: 'Harbour renovation' },
      },
      metadata: {
        ip: '2001:db8:85a3::8a2e:370:7334',
        userAgent:
          'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36',
      },
      lifetime: {
        idleSeconds: idleSeconds(i),
        absoluteSeconds: ABSOLUTE_SECONDS,
      },
      refreshHash: refreshHash(id),
    };
  }

  /** The `WITH` part of a statement: `sessions(i, id, subject, idle)`, with the formulas of {@link recordAt}. */
  get sql() {
    return `numbers AS (
  SELECT i, CASE WHEN i % ${HEAVY_STRIDE} = 0 THEN 'heavy-' || (i / ${HEAVY_STRIDE}) % ${HEAVY_SUBJECTS}
    ELSE 'user-' || ((i - i / ${HEAVY_STRIDE}) * ${STRIDE}) % ${this.subjects} END AS subject
  FROM generate_series(1, ${this.count}::bigint) AS i
), sessions AS (
  SELECT i, ${sqlHash(`'session ' || i`)} AS id, subject,
    (1 + i % 7) * interval '${DAY} seconds' AS idle
  FROM numbers
)`;
  }
}

function idleSeconds(i) {
  return (1 + (i % 7)) * DAY;
}

export function refreshHash(id) {
  return hash(`refresh ${id}`);
}

function hash(text) {
  return createHash('sha256').update(text).digest('base64url');
}

/** Computes the same as `hash`, in SQL. */
export function sqlHash(expression) {
  return `rtrim(translate(encode(sha256(convert_to(${expression}, 'UTF8')), 'base64'), '+/', '-_'), '=')`;
}
