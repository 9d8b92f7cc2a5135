import { generateKeyPairSync } from 'node:crypto';

/** @type {import('node:crypto').KeyPairKeyObjectResult[]} */
const made = [];

/**
 * Returns the same pair for the same number: it takes longer to generate than most tests. Node loads this module, once
 * for all specs of a worker.
 *
 * @param {number} number
 */
export function rsaPair(number) {
  made[number] ??= generateKeyPairSync('rsa', { modulusLength: 2048 });
  return made[number];
}
