import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** A reading that is less than this lower than the one before counts as equal. */
const STEADY = 64 * 1024;
const MOST_COLLECTIONS = 20;

/**
 * The bytes of the heap that are in use after everything unreachable was collected, what earlier specs of the process have
 * left included: collects until that makes no difference any more.
 */
export async function usedHeap(): Promise<number> {
  let [steady, used] = [0, Infinity];
  for (let i = 0; i < MOST_COLLECTIONS && steady < 2; i += 1) {
    // Promises and weak references let go of their values only between turns, and what they held goes the next time.
    await new Promise((resolve) => setImmediate(resolve));
    collect();
    const now = process.memoryUsage().heapUsed;
    steady = now > used - STEADY ? steady + 1 : 0;
    used = now;
  }
  return used;
}
