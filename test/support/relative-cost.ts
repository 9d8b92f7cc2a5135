const ROUNDS = 25;

/**
 * How many times as long as a reference the work takes. The best of interleaved rounds counts for each, so a busy
 * machine slows both, and no test needs to know how fast its machine is.
 */
export function costOver(work: () => void, reference: () => void): number {
  let [ofWork, ofReference] = [Infinity, Infinity];
  for (let round = 0; round < ROUNDS; round += 1) {
    ofReference = Math.min(ofReference, millisecondsOf(reference));
    ofWork = Math.min(ofWork, millisecondsOf(work));
  }
  // A clock that is too coarse to see the reference must not make the ratio infinite.
  return ofWork / Math.max(ofReference, 0.000_1);
}

function millisecondsOf(work: () => void): number {
  const start = performance.now();
  work();
  return performance.now() - start;
}
