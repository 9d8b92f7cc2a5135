const GENERATOR = 65_537;

/** The odd primes up to 167. Modulo each of them, the modulus of a flawed generator is a power of 65537. */
const PRIMES = Array.from({ length: 165 }, (_, i) => i + 3).filter(
  (candidate) =>
    Array.from({ length: candidate - 2 }, (_, i) => i + 2).every(
      (divisor) => candidate % divisor !== 0,
    ),
);

/**
 * Returns whether an RSA modulus bears the fingerprint of the flawed key generator in Infineon chips, whose keys can
 * be factored (CVE-2017-15361). About one good modulus in 2^27 bears it, too.
 */
export function isRocaModulus(modulus: bigint): boolean {
  return PRIMES.every((prime) =>
    powersOfGenerator(prime).has(Number(modulus % BigInt(prime))),
  );
}

function powersOfGenerator(prime: number): ReadonlySet<number> {
  const powers = new Set<number>();
  for (let power = 1; !powers.has(power); power = (power * GENERATOR) % prime) {
    powers.add(power);
  }
  return powers;
}
