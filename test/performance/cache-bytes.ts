import { monotonicTimeOf } from '../../lib/ports/clock.js';
import { RecentShapes, heapSizeOf } from '../../lib/session/model/heap-size.js';
import { resolveOptions } from '../../lib/options/resolve-options.js';
import { LoadFailures } from '../../lib/session/loading/load-failures.js';
import { LoaderCalls } from '../../lib/session/loading/loader-calls.js';
import type { SessionDataLoader } from '../../lib/session/model/session-data-loader.js';
import { SessionEnds } from '../../lib/session/records/session-ends.js';
import { SessionEvents } from '../../lib/session/model/session-events.js';
import { SessionExtension } from '../../lib/session/loading/session-extension.js';
import { SessionLoads } from '../../lib/session/loading/session-loads.js';
import { SessionMemory } from '../../lib/session/model/session-memory.js';
import { SessionReload } from '../../lib/session/loading/session-reload.js';
import { SessionTransports } from '../../lib/session/request/session-transports.js';
import { TokenIssuer } from '../../lib/session/tokens/token-issuer.js';
import {
  verifiedSession,
  type VerifiedSession,
} from '../../lib/session/model/verified-session.js';
import { VerifiedTokens } from '../../lib/session/tokens/verified-tokens.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import type { SessionClaims } from '../../lib/tokens/session-claims.js';
import { createTransports } from '../../lib/transports/create-transports.js';
import { createCodecs } from '../session/codecs.js';
import { rounds } from '../support/effort.js';
import { SECRET } from '../support/secrets.js';
import { claimsOf, HOUR, NOW, POLICY } from '../support/session-claims.js';

/** How much of the heap the full caches take for each byte of their bound. */
export interface CacheBytes {
  readonly ratios: readonly {
    readonly cache: 'tokens' | 'results';
    readonly shape: string;
    readonly ratio: number;
    /** Whether the first entry had to make room, so that the cache was full. */
    readonly isFull: boolean;
  }[];
  /** What counting takes of the time that verifying takes. */
  readonly share: number;
}

const collectGarbage = globalThis.gc as () => void;

const MAX_BYTES = 2 ** 20;
const BOUNDS = { maxTokens: 1_000_000, maxBytes: MAX_BYTES };

let made = 0;
/** Text that no other value has. */
const unique = (length: number) => {
  made += 1;
  return made.toString(36).padStart(length, 'abcdefghijklmnopqrst');
};
const times = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));
const named = (count: number, make: (i: number) => string) =>
  Object.fromEntries(times(count, (i) => [make(i), true]));
const nested = (levels: number): object =>
  levels === 0 ? {} : { a: nested(levels - 1) };

const NOTHING = 'nothing';

/** Values of about 1,500 bytes of JSON. */
const SHAPES: Readonly<Record<string, () => unknown>> = {
  'a user, as most have them': () => ({
    id: unique(10),
    email: `${unique(8)}@example.com`,
    roles: ['admin', 'user'],
    flags: { beta: true, trial: false },
  }),
  nothing: () => null,
  'many small objects': () => times(180, (i) => ({ x: i })),
  'many empty objects': () => times(500, () => ({})),
  'many empty arrays': () => times(500, () => []),
  'deep nesting': () => times(9, () => nested(25)),
  'small whole numbers': () => times(400, (i) => i),
  fractions: () => times(200, (i) => i + 0.25),
  'numbers beyond 32 bits': () => times(110, (i) => 2 ** 40 + i),
  'objects of numbers': () => times(60, (i) => ({ x: i + 0.5, y: i + 0.25 })),
  'short strings': () => times(180, () => unique(5)),
  'strings of 20 characters': () => times(65, () => unique(20)),
  'one string over and over': () => times(180, () => 'admin'),
  'one character each': () => times(350, (i) => String(i % 10)),
  'one long string': () => unique(3).repeat(500),
  'one long string beyond Latin-1': () => `語${unique(4)}`.repeat(200),
  'short strings beyond Latin-1': () => times(120, () => `語${unique(5)}`),
  'booleans and nulls': () => times(300, (i) => [true, false, null][i % 3]),
  'members that all have': () => named(100, (i) => `name${i}`),
  'members that all have, more than 128': () => named(140, (i) => `n${i}`),
  'names of its own, few': () => named(10, () => unique(8)),
  'names of its own, many': () => named(100, () => unique(8)),
  'names of its own, more than 128': () => named(130, () => unique(5)),
  'objects with one name of its own': () =>
    times(100, () => ({ [unique(6)]: 1 })),
  'objects with two names of its own': () =>
    times(60, () => ({ [unique(6)]: 1, [unique(6)]: 2 })),
  'names that are indices': () => named(150, (i) => String(i)),
  'names that are indices with gaps': () => named(120, (i) => String(i * 977)),
  'objects with one index': () => times(140, (i) => ({ [i * 31]: 1 })),
  'objects with one small index': () => times(180, () => ({ 9: 1 })),
};

const PLACES: Readonly<
  Record<string, (value: unknown) => Partial<SessionClaims>>
> = {
  params: (params) => ({ params, data: 1 }),
  attributes: (value) => ({ data: 1, attrs: { value } }),
};

const { codec } = createCodecs();

function verified(part: Partial<SessionClaims>) {
  const token = codec.sign(claimsOf(part));
  const claims = codec.verify(token);
  if (typeof claims === 'string') throw new Error(claims);
  return { token, session: verifiedSession(claims, POLICY) };
}

/** The bytes of the claims once their shapes are known. */
function sizeOf(make: () => Partial<SessionClaims>): number {
  const shapes = new RecentShapes();
  const [, size] = times(2, () =>
    heapSizeOf(verified(make()).session.claims, shapes),
  );
  return size!;
}

async function ratioOf(
  entryBytes: number,
  add: () => unknown,
): Promise<number> {
  await add();
  const before = await usedHeap();
  const count = Math.ceil((1.3 * MAX_BYTES) / entryBytes);
  for (let i = 0; i < count; i += 1) await add();
  return ((await usedHeap()) - before) / MAX_BYTES;
}

async function usedHeap(): Promise<number> {
  // Promises and weak references let go of their values only between turns.
  for (let i = 0; i < 3; i += 1) {
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    collectGarbage();
  }
  return process.memoryUsage().heapUsed;
}

async function ofTokens(make: () => Partial<SessionClaims>) {
  const tokens = new VerifiedTokens(BOUNDS);
  const keys = {};
  let first: string | undefined;
  const entryBytes = 400 + verified(make()).token.length + sizeOf(make);
  const ratio = await ratioOf(entryBytes, () => {
    const { token, session } = verified(make());
    first ??= token;
    tokens.set(token, keys, session);
  });
  return { ratio, isFull: tokens.get(first!, keys) === undefined };
}

async function ofResults(make: () => Partial<SessionClaims>) {
  const { loads, reload } = startReloads(() => make().data);
  let first: string | undefined;
  const { token } = verified(make());
  const entryBytes = 1_500 + 2 * token.length + sizeOf(make);
  const ratio = await ratioOf(entryBytes, async () => {
    const { session } = verified({ ...make(), data: 0 });
    first ??= session.claims.sid;
    await reload(session);
  });
  return { ratio, isFull: loads.resultOf(first!) === undefined };
}

function startReloads(load: () => unknown) {
  const clock = new TestSessionClock(NOW + HOUR);
  const events = new SessionEvents(() => clock.nowSeconds());
  const memory = new SessionMemory();
  const options = resolveOptions({ secret: SECRET });
  const loader = { load } as unknown as SessionDataLoader<unknown, unknown>;
  const failures = new LoadFailures(events, monotonicTimeOf(clock));
  const shared = { memory, clock, events, failures, policy: POLICY };
  const loads = new SessionLoads({
    ...shared,
    calls: new LoaderCalls(loader, options.loader, () => false),
    records: undefined,
    ends: new SessionEnds({
      memory,
      store: undefined,
      events,
      policy: POLICY,
      clock,
      revocations: undefined,
    }),
    cache: BOUNDS,
  });
  const transports = new SessionTransports(createTransports(options));
  const parts = new SessionReload({
    ...shared,
    loads,
    tokens: new TokenIssuer(codec, undefined, POLICY, memory),
    transports,
    extension: new SessionExtension({ ...shared, records: undefined }),
    options: options.loader,
  });
  return {
    loads,
    reload: async (session: VerifiedSession) =>
      parts.bringUpToDate(session, transports.all, clock.nowSeconds(), false),
  };
}

/** What counting a token of a user takes of the time that verifying it takes. */
function shareOfCounting(): number {
  const make = SHAPES['a user, as most have them']!;
  const shapes = new RecentShapes();
  const tokens = times(2_000, () => codec.sign(claimsOf({ data: make() })));
  const claims: unknown[] = [];
  let begin = performance.now();
  for (const token of tokens) claims.push(codec.verify(token));
  const verifying = performance.now() - begin;
  begin = performance.now();
  for (const each of claims) heapSizeOf(each, shapes);
  return (performance.now() - begin) / verifying;
}

const ratios: CacheBytes['ratios'][number][] = [];
const shapes = Object.entries(SHAPES);
const isInBoth = rounds(2, 1) === 2;
for (const [i, [shape, make]] of shapes.entries()) {
  const claims = (): Partial<SessionClaims> => ({ data: make() });
  // With modest effort each shape is in one of the caches, in turn.
  if (isInBoth || i % 2 === 0 || shape === NOTHING) {
    ratios.push({ cache: 'tokens', shape, ...(await ofTokens(claims)) });
  }
  if ((isInBoth || i % 2 === 1) && shape !== NOTHING) {
    ratios.push({ cache: 'results', shape, ...(await ofResults(claims)) });
  }
}
for (const [place, put] of Object.entries(PLACES)) {
  for (const name of ['many small objects', 'names of its own, many']) {
    const claims = () => put(SHAPES[name]!());
    const shape = `${name}, as ${place}`;
    ratios.push(
      { cache: 'tokens', shape, ...(await ofTokens(claims)) },
      { cache: 'results', shape, ...(await ofResults(claims)) },
    );
  }
}
const figures: CacheBytes = { ratios, share: shareOfCounting() };
process.send!(figures, () => process.exit(0));
