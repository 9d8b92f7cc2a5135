import { SessionError } from '../errors/session-error.js';
import type { ResolvedLoaderOptions } from '../options/resolved-options.js';
import type { LoadResult } from './session-loads.js';

/** Waits for a load, which never rejects, as long as one request may. */
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
    const timer = setTimeout(
      () => resolve(tookLonger(patienceSeconds)),
      patienceSeconds * 1000,
    );
    timer.unref?.();
    void load.then((result) => {
      clearTimeout(timer);
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
