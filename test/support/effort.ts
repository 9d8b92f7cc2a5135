/** Whether statistical tests are to run all their rounds: `TEST_EFFORT=full npm test`. */
const isFull = process.env['TEST_EFFORT'] === 'full';

/** The rounds of a statistical test: the second number is enough to notice that its subject is broken. */
export function rounds(full: number, modest: number): number {
  return isFull ? full : modest;
}
