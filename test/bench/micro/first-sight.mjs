/** Compares verification of a token that is not cached with that of other packages, for the same token. */
import { createSecretKey } from 'node:crypto';
import { createVerifier } from 'fast-jwt';
import { jwtDecrypt, jwtVerify } from 'jose';
import jsonwebtoken from 'jsonwebtoken';
import { hmacTokens, pairTokens } from './by-hand.mjs';
import { atMost } from './goals.mjs';
import { newPair, openLibrary, SECRET, tokensOf } from './library.mjs';
import { timeAll } from './timing.mjs';

const COUNT = 1_000;
const RAW = 'node:crypto and JSON.parse';
const OURS = 'ours';

export async function measure(settings) {
  const results = [];
  for (const contest of [
    await withSecret(),
    await withPair('ES256'),
    await withPair('EdDSA'),
    await encrypted(),
  ]) {
    results.push({
      ...contest,
      timings: await timeAll(contest.functions, settings),
    });
  }
  return {
    goals: results
      .filter(({ limit }) => limit)
      .map(({ name, limit, timings }) =>
        atMost(
          limit,
          'x',
          `first sight, ${name}, over ${RAW}`,
          timings.ratio(OURS, RAW),
        ),
      ),
    tables: results.map(({ name, timings }) => ({
      title: `First sight of a token, ${name}`,
      columns: ['', 'µs', 'x'],
      rows: timings.rows(),
    })),
  };
}

async function withSecret() {
  const key = createSecretKey(Buffer.from(SECRET));
  return {
    name: 'HS256',
    limit: 1.6,
    functions: await verifiers('HS256', {}, hmacTokens(SECRET), key, SECRET),
  };
}

async function withPair(algorithm) {
  const pair = newPair(algorithm);
  const { privateKey, publicKey } = pair;
  const pem = publicKey.export({ type: 'spki', format: 'pem' });
  return {
    name: algorithm,
    limit: 1.15,
    functions: await verifiers(
      algorithm,
      { keys: [{ algorithm, privateKey }] },
      pairTokens(algorithm, pair),
      publicKey,
      pem,
    ),
  };
}

/** @param key for packages that take a `KeyObject`, `text` for the others */
async function verifiers(algorithm, options, byHand, key, text) {
  const library = await openLibrary(options);
  const tokens = await tokensOf(library, COUNT);
  const { codec } = library;
  await library.close();
  // The clock of these sessions stands still in the future.
  const algorithms = [algorithm];
  const fastJwt = createVerifier({
    key: text,
    algorithms,
    clockTolerance: 2 ** 40,
  });
  const ofJsonwebtoken = { algorithms, ignoreExpiration: true };
  const ofJose = { algorithms, clockTolerance: 2 ** 40 };
  const next = (i) => tokens[i % COUNT];
  return {
    [RAW]: (i) => byHand.verify(next(i)),
    [OURS]: (i) => accepted(codec.verify(next(i))),
    'fast-jwt without its cache': (i) => fastJwt(next(i)),
    // It knows no EdDSA.
    ...(algorithm !== 'EdDSA' && {
      'jsonwebtoken with a KeyObject': (i) =>
        jsonwebtoken.verify(next(i), key, ofJsonwebtoken),
    }),
    'jose with a KeyObject': (i) => jwtVerify(next(i), key, ofJose),
  };
}

async function encrypted() {
  const library = await openLibrary({ encrypt: true });
  const tokens = await tokensOf(library, COUNT);
  const { codec } = library;
  await library.close();
  const { key } = codec.keys.signing;
  const next = (i) => tokens[i % COUNT];
  const tolerance = { clockTolerance: 2 ** 40 };
  return {
    name: 'encrypted (A256GCM)',
    functions: {
      'jose with a KeyObject': (i) => jwtDecrypt(next(i), key, tolerance),
      [OURS]: (i) => accepted(codec.verify(next(i))),
    },
  };
}

function accepted(claims) {
  if (typeof claims === 'string') {
    throw new Error(`refused: ${claims}`);
  }
  return claims;
}
