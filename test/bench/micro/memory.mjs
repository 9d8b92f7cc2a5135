/** Measures the memory of cached tokens, and whether the bounds of the cache hold in bytes of the real heap. */
import { TokenVerifier } from '../../../.compiled/session/tokens/token-verifier.js';
import { readCookie } from '../../../.compiled/transports/read-cookie.js';
import { atMost } from './goals.mjs';
import { asReceived, cookieOf, openLibrary, TOKENS } from './library.mjs';

const UNBOUNDED = { maxTokens: 2 ** 40, maxBytes: 2 ** 50 };
const KILOBYTE = 1_024;
const MEGABYTE = 2 ** 20;

export async function measure() {
  const library = await openLibrary();
  const small = await tokensWith(library, (i) => ({ id: i, role: 'member' }));
  const usual = await tokensWith(library, undefined);
  const others = `; ${'x'.repeat(100)}=${'y'.repeat(12_000)}`;
  const asHeader = asReceived;
  const asCookie = (tokens) => {
    const next = asReceived(tokens.map(cookieOf));
    return (i) => readCookie(next(i), '__Host-Http-session');
  };
  const asLargeCookie = (tokens) => {
    const next = asReceived(tokens);
    return (i) => readCookie(cookieOf(next(i)) + others, '__Host-Http-session');
  };
  const ways = [
    ['in a header', asHeader],
    ['in a Cookie header with 3 cookies', asCookie],
    ['in a Cookie header with 12 KB more', asLargeCookie],
  ];

  const perToken = [];
  for (const tokens of [small, usual]) {
    for (const [way, received] of ways) {
      const { bytes } = await fill(
        library,
        UNBOUNDED,
        received(tokens),
        TOKENS,
      );
      perToken.push([tokens[0].length, way, Math.round(bytes / TOKENS)]);
    }
  }
  const totals = [];
  for (const [bound, limit] of [
    ['maxTokens 1,000', { ...UNBOUNDED, maxTokens: 1_000 }],
    ['maxBytes 4 MiB', { ...UNBOUNDED, maxBytes: 4 * MEGABYTE }],
  ]) {
    for (const [way, received] of ways) {
      const { bytes } = await fill(library, limit, received(usual), TOKENS);
      totals.push([bound, way, (bytes / MEGABYTE).toFixed(2)]);
    }
  }
  await library.close();

  const worst = Math.max(
    ...totals
      .filter(([bound]) => bound.startsWith('maxBytes'))
      .map((row) => row[2]),
  );
  return {
    goals: [
      atMost(
        1.2,
        'KB',
        `memory of a cached token of ${small[0].length} characters`,
        perToken[1][2] / KILOBYTE,
      ),
      atMost(4, 'MiB', 'heap of 10,000 tokens with maxBytes 4 MiB', worst),
    ],
    tables: [
      {
        title: `Memory of a cached token, including claims (${TOKENS} tokens)`,
        columns: ['characters', 'received', 'bytes'],
        rows: perToken,
      },
      {
        title: 'Heap in use after 10,000 tokens, with a bound',
        columns: ['bound', 'received', 'MiB'],
        rows: totals,
      },
    ],
  };
}

/** Creates the tokens of that many sessions, with this data instead of the usual. */
async function tokensWith({ sessions, codec }, dataAt) {
  const { token } = await sessions.generate('user-0');
  const claims = codec.verify(token);
  return Array.from({ length: TOKENS }, (_, i) =>
    codec.sign({
      ...claims,
      sub: `user-${i}`,
      params: `user-${i}`,
      data: dataAt ? dataAt(i) : claims.data,
    }),
  );
}

/** Returns the bytes of the heap that a verifier holds after so many tokens. */
async function fill({ codec, runtime }, bounds, next, count) {
  const verifier = new TokenVerifier(codec, runtime.policy, bounds);
  const before = await usedHeap();
  for (let i = 0; i < count; i += 1) {
    if (typeof verifier.verify(next(i)) === 'string') {
      throw new Error('a good token was refused');
    }
  }
  const bytes = (await usedHeap()) - before;
  return { verifier, bytes };
}

async function usedHeap() {
  // Promises and weak references let go of their values only between turns.
  for (let i = 0; i < 3; i += 1) {
    await new Promise((resolve) => setImmediate(resolve));
    globalThis.gc();
  }
  return process.memoryUsage().heapUsed;
}
