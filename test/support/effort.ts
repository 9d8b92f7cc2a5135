import { basename } from 'node:path';

/** Whether statistical tests are to run all their rounds: `TEST_EFFORT=full npm test`. */
export const isFull = process.env['TEST_EFFORT'] === 'full';

/** The rounds of a statistical test: the second number is enough to notice that its subject is broken. */
export function rounds(full: number, modest: number): number {
  return isFull ? full : modest;
}

/**
 * The platforms for what does not depend on them: both, or the one that is named. What the library does to requests and
 * responses is shown on both at any effort; browsers, samples, clocks, keys, loaders and stores are not.
 */
export function platforms(
  modest: 'express' | 'fastify',
): readonly ('express' | 'fastify')[] {
  return isFull ? ['express', 'fastify'] : [modest];
}

/** All cases, or the one of them that the name of the running spec chooses: each spec has one, together they have all. */
export function ofThisSpec<Case>(cases: readonly Case[]): Case[] {
  const { testPath = '' } = expect.getState();
  const sum = Buffer.from(basename(testPath)).reduce((a, b) => a + b, 0);
  return cases.filter((_, i) => isFull || i === sum % cases.length);
}

/** The combinations of options or servers that something is tested with: all of them, or the first ones. */
export function combinations<Case>(
  all: readonly Case[],
  modest: number,
): readonly Case[] {
  return isFull ? all : all.slice(0, modest);
}
