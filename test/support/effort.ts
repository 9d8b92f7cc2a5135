/** Whether statistical tests are to run all their rounds: `TEST_EFFORT=full npm test`. */
const isFull = process.env['TEST_EFFORT'] === 'full';

/** The rounds of a statistical test: the second number is enough to notice that its subject is broken. */
export function rounds(full: number, modest: number): number {
  return isFull ? full : modest;
}

/**
 * The platforms on which browsers and samples run: both, or the one that is named. What the library does is shown on
 * both at any effort; these start a process or a page for each test.
 */
export function platforms(
  modest: 'express' | 'fastify',
): readonly ('express' | 'fastify')[] {
  return isFull ? ['express', 'fastify'] : [modest];
}
