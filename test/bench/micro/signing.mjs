/** Measures the signing of a session token, and a whole sign-in without I/O. */
import { createSecretKey } from 'node:crypto';
import { createSigner } from 'fast-jwt';
import { EncryptJWT, SignJWT } from 'jose';
import jsonwebtoken from 'jsonwebtoken';
import { hmacTokens, pairTokens } from './by-hand.mjs';
import { atMost } from './goals.mjs';
import { newPair, openLibrary, SECRET, tokensOf, userAt } from './library.mjs';
import { timeAll } from './timing.mjs';

const RAW = 'node:crypto and JSON.stringify';
const OURS = 'ours';
const GENERATE = 'ours, SessionService.generate with a loader';
const WITHOUT_LOADER = 'ours, SessionService.generate without a loader';

export async function measure(settings) {
  const results = [];
  for (const contest of [
    await withoutLoader(),
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
  const [{ timings }] = results;
  return {
    goals: [
      atMost(
        2.5,
        'x',
        'generate() without I/O over a raw signature (HS256)',
        timings.ratio(WITHOUT_LOADER, RAW),
      ),
    ],
    tables: results.map((each) => ({
      title: `Signing, ${each.name}`,
      columns: ['', 'µs', 'x'],
      rows: each.timings.rows(),
    })),
  };
}

/** The params are the data: nothing but the library's own work. */
async function withoutLoader() {
  const { codec, sessions, claims } = await claimsWith({ dataLoader: false });
  const byHand = hmacTokens(SECRET);
  return {
    name: 'HS256, params without data',
    functions: {
      [RAW]: () => byHand.sign(claims),
      [OURS]: () => codec.sign(claims),
      [WITHOUT_LOADER]: (i) => sessions.generate(userAt(i % 1_000)),
    },
  };
}

async function withSecret() {
  const key = createSecretKey(Buffer.from(SECRET));
  const functions = await signers('HS256', {}, hmacTokens(SECRET), key, SECRET);
  return { name: 'HS256', functions };
}

async function withPair(algorithm) {
  const pair = newPair(algorithm);
  const { privateKey } = pair;
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  const options = { keys: [{ algorithm, privateKey }] };
  const byHand = pairTokens(algorithm, pair);
  const functions = await signers(algorithm, options, byHand, privateKey, pem);
  return { name: algorithm, functions };
}

/** @param key for packages that take a `KeyObject`, `text` for the others */
async function signers(algorithm, options, byHand, key, text) {
  const { codec, sessions, claims } = await claimsWith(options);
  const fastJwt = createSigner({ key: text, algorithm });
  return {
    [RAW]: () => byHand.sign(claims),
    [OURS]: () => codec.sign(claims),
    [GENERATE]: (i) => sessions.generate(userAt(i % 1_000)),
    // These two write into what they are given.
    'fast-jwt': () => fastJwt({ ...claims }),
    ...(algorithm !== 'EdDSA' && {
      'jsonwebtoken with a KeyObject': () =>
        jsonwebtoken.sign({ ...claims }, key, { algorithm }),
    }),
    'jose with a KeyObject': () =>
      new SignJWT(claims).setProtectedHeader({ alg: algorithm }).sign(key),
  };
}

async function encrypted() {
  const { codec, sessions, claims } = await claimsWith({ encrypt: true });
  const { key } = codec.keys.signing;
  return {
    name: 'encrypted (A256GCM)',
    functions: {
      'jose with a KeyObject': () =>
        new EncryptJWT(claims)
          .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
          .encrypt(key),
      [OURS]: () => codec.sign(claims),
      [GENERATE]: (i) => sessions.generate(userAt(i % 1_000)),
    },
  };
}

async function claimsWith(options) {
  const library = await openLibrary(options);
  const [token] = await tokensOf(library, 1);
  return { ...library, claims: library.codec.verify(token) };
}
