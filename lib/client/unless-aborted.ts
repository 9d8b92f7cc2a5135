/** Lets a caller that gives up stop waiting for a refresh. */
export function unlessAborted<T>(
  work: Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  return Promise.race([
    work,
    new Promise<never>((_resolve, reject) => {
      const abort = (): void =>
        // Safari 15.3 and React Native do not support `reason`.
        reject(
          (signal.reason as Error | undefined) ??
            Object.assign(new Error('aborted'), { name: 'AbortError' }),
        );
      if (signal.aborted) abort();
      else signal.addEventListener('abort', abort);
    }),
  ]);
}
