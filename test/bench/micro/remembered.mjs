/** Measures the cache of verified tokens, for tokens that arrive as a new string each time. */
import { LRUCache } from 'lru-cache';
import { TokenVerifier } from '../../../.compiled/session/tokens/token-verifier.js';
import { atMost } from './goals.mjs';
import { asReceived, openLibrary, TOKENS, tokensOf } from './library.mjs';
import { timeAll } from './timing.mjs';

const AMPLE = { maxTokens: 4 * TOKENS, maxBytes: 2 ** 30 };

export async function measure(settings) {
  const library = await openLibrary();
  const { codec, runtime } = library;
  const tokens = await tokensOf(library);
  const verifier = new TokenVerifier(codec, runtime.policy, AMPLE);
  const byToken = new Map();
  const leastRecent = new LRUCache({ max: 2 * TOKENS });
  for (const token of tokens) {
    const session = verifier.verify(token);
    byToken.set(token, session);
    leastRecent.set(token, session);
  }
  const one = asReceived(tokens.slice(0, 1));
  const all = asReceived(tokens);
  const timings = await timeAll(
    {
      'creating the string, 1 token': one,
      'creating the string, 10,000 tokens': all,
      'ours, 1 token': (i) => verifier.verify(one(i)),
      'ours, 10,000 tokens': (i) => verifier.verify(all(i)),
      'Map keyed by the whole token, 1 token': (i) => byToken.get(one(i)),
      'Map keyed by the whole token, 10,000 tokens': (i) => byToken.get(all(i)),
      'lru-cache keyed by the whole token, 1 token': (i) =>
        leastRecent.get(one(i)),
      'lru-cache keyed by the whole token, 10,000 tokens': (i) =>
        leastRecent.get(all(i)),
    },
    settings,
  );
  await library.close();

  return {
    goals: ['1 token', '10,000 tokens'].map((count) =>
      atMost(
        1.5,
        'µs',
        `cache hit, ${count}, including creation of the string`,
        timings.microseconds(`ours, ${count}`),
      ),
    ),
    tables: [
      {
        title: `A cached token (${tokens[0].length} characters)`,
        columns: ['lookup, including creation of the string', 'µs'],
        rows: timings
          .rows()
          .map(([name, microseconds]) => [name, microseconds]),
      },
      hitRates(tokens, codec, runtime),
    ],
  };
}

/** Counts the tokens that are still cached on their second turn, with the default bounds. */
function hitRates(tokens, codec, runtime) {
  let lookups = 0;
  const counting = {
    keys: codec.keys,
    verify(token) {
      lookups += 1;
      return codec.verify(token);
    },
  };
  const { maxTokens, maxBytes } = runtime.options.cache;
  const rows = [1_000, 2_500, 5_000, 7_500, 10_000].map((count) => {
    const verifier = new TokenVerifier(counting, runtime.policy, {
      maxTokens,
      maxBytes,
    });
    const some = tokens.slice(0, count);
    for (const token of some) verifier.verify(token);
    lookups = 0;
    for (const token of some) verifier.verify(token);
    const share = ((count - lookups) / count) * 100;
    return [count, `${share.toFixed(0)} %`];
  });
  return {
    title: `Cache hits for tokens in rotation, with maxTokens ${maxTokens} and maxBytes ${maxBytes}`,
    columns: ['tokens', 'hits'],
    rows,
  };
}
