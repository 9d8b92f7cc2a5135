import { randomBytes } from 'node:crypto';
import { BoundedMap } from '../../../lib/session/model/bounded-map.js';
import { EndMarks, type End } from '../../../lib/session/model/end-marks.js';

/**
 * Fills what a process remembers of sessions up to its bounds, which no run would reach: after that, only a leak makes
 * its heap grow.
 */
export class FullMemory {
  readonly #maps = new Map<BoundedMap<unknown, unknown>, unknown>();
  readonly #marks = new Set<EndMarks>();
  readonly #full = new Set<EndMarks>();

  /** Before anything is remembered. */
  constructor() {
    const maps = this.#maps;
    const marks = this.#marks;
    const { set } = BoundedMap.prototype;
    BoundedMap.prototype.set = function (
      this: BoundedMap<unknown, unknown>,
      ...given
    ) {
      maps.set(this, given[1]);
      return set.apply(this, given);
    };
    const { set: mark } = EndMarks.prototype;
    EndMarks.prototype.set = function (this: EndMarks, ended) {
      marks.add(this);
      return mark.call(this, ended);
    };
  }

  fill(): void {
    for (const [map, value] of this.#maps) {
      for (let size = -1; size < map.size;) {
        size = map.size;
        map.set(likeAnId(), copyOf(value));
      }
    }
    for (const marks of this.#marks) {
      if (this.#full.has(marks)) continue;
      fillMarks(marks, 'ended');
      fillMarks(marks, 'replaced');
      this.#full.add(marks);
    }
  }
}

/** Its entries belong to one subject, so that they make room before those of others. */
function fillMarks(marks: EndMarks, how: End): void {
  const first = likeAnId();
  let sid = first;
  do {
    marks.set({ sid, sub: `full-${how}`, how, until: Infinity });
    sid = likeAnId();
  } while (marks.of(first));
}

/** Only of plain objects: others are remembered for many sessions at once. */
function copyOf(value: unknown): unknown {
  return typeof value === 'object' &&
    value !== null &&
    Object.getPrototypeOf(value) === Object.prototype
    ? { ...value }
    : value;
}

function likeAnId(): string {
  return randomBytes(32).toString('base64url');
}
