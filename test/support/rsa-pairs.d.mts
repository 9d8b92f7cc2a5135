import type { KeyPair } from './key-pairs.js';

export function rsaPair(number: number): KeyPair;
