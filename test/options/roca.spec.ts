import { randomBytes } from 'node:crypto';
import { isRocaModulus } from '../../lib/options/roca.js';
import { keyPairs } from '../support/key-pairs.js';
import { describeVectors } from '../support/vectors.js';

/** The odd primes up to 167, written down apart from the library. */
const PRIMES = [
  3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73,
  79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157,
  163, 167,
].map(BigInt);
const PRODUCT = PRIMES.reduce((product, prime) => product * prime, 2n);

function powerModulo(base: bigint, exponent: bigint, modulus: bigint): bigint {
  let result = 1n;
  let square = base % modulus;
  for (let rest = exponent; rest > 0n; rest >>= 1n) {
    if (rest & 1n) {
      result = (result * square) % modulus;
    }
    square = (square * square) % modulus;
  }
  return result;
}

const randomNumber = (bytes: number) =>
  BigInt(`0x${randomBytes(bytes).toString('hex')}`);

/** A factor as the flawed generator makes them: k times the product of the primes, and a power of 65537. */
const flawedFactor = (bytes: number) =>
  randomNumber(bytes - 29) * PRODUCT +
  powerModulo(65_537n, randomNumber(16), PRODUCT);

const modulusOf = (n: string) =>
  BigInt(`0x${Buffer.from(n, 'base64url').toString('hex')}`);

describe('a modulus of a flawed generator (ROCA, CVE-2017-15361)', () => {
  it.each([64, 128, 192, 256])(
    'is recognised, 100 times over, with factors of %i bytes',
    (bytes) => {
      for (let i = 0; i < 100; i += 1) {
        expect(isRocaModulus(flawedFactor(bytes) * flawedFactor(bytes))).toBe(
          true,
        );
      }
    },
  );

  it('is told by every single prime', () => {
    const modulus = flawedFactor(128) * flawedFactor(128);
    for (const prime of PRIMES.filter((each) => each > 3n)) {
      const others = PRODUCT / prime;
      // The same remainder for all other primes, and another for this one: zero, which is no power.
      const step = Array.from({ length: Number(prime) }, (_, k) =>
        BigInt(k),
      ).find((k) => (modulus + k * others) % prime === 0n)!;
      expect(isRocaModulus(modulus + step * others)).toBe(false);
    }
  });

  describeVectors('of Wycheproof', 'wycheproof', (read) => {
    it('is recognised', () => {
      const { testGroups } = read<{
        testGroups: {
          tests: { comment: string }[];
          public?: { keys: { n: string }[] };
        }[];
      }>('json_web_key_test.json');
      const group = testGroups.find(({ tests }) =>
        tests.some(({ comment }) => comment.includes('RocaVulnerability')),
      );
      expect(isRocaModulus(modulusOf(group!.public!.keys[0]!.n))).toBe(true);
    });
  });
});

describe('a modulus of a good generator', () => {
  it('is not taken for a flawed one', () => {
    for (const algorithm of ['RS256', 'PS256'] as const) {
      const { n } = keyPairs[algorithm].publicKey.export({ format: 'jwk' });
      expect(isRocaModulus(modulusOf(n!))).toBe(false);
    }
  });

  it('is not taken for a flawed one in 10,000 random numbers', () => {
    const taken = Array.from({ length: 10_000 }, () =>
      isRocaModulus(randomNumber(256) | 1n),
    ).filter(Boolean);
    expect(taken).toEqual([]);
  });
});
