import { Deadline } from '../../deadline.js';
import { SessionError } from '../../errors/session-error.js';
import type { ResolvedLoaderOptions } from '../../options/resolved-options.js';
import type { LoadResult } from './session-loads.js';

/** Waits for a load, which never rejects, for as long as one request may. */
export function patiently(
  load: Promise<LoadResult>,
  { patienceSeconds, timeoutSeconds }: ResolvedLoaderOptions,
): LoadResult | Promise<LoadResult> {
  if (patienceSeconds >= timeoutSeconds) {
    return load;
  }
  if (patienceSeconds === 0) {
    return tookLonger(patienceSeconds);
  }
  return new Promise((resolve) => {
    const deadline = new Deadline(patienceSeconds * 1000, () =>
      resolve(tookLonger(patienceSeconds)),
    );
    void load.then((result) => {
      deadline.clear();
      resolve(result);
    });
  });
}

function tookLonger(seconds: number): LoadResult {
  return {
    kind: 'failed',
    error: new SessionError(
      'LOADER_UNAVAILABLE',
      `the data loader takes longer than ${seconds} s`,
      { retryAfterSeconds: 1 },
    ),
  };
}
