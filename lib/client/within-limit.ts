/**
 * Runs work with a time limit. After it, rejects with a `TimeoutError` and aborts the signal.
 *
 * Needs neither `AbortSignal.timeout`, which Safari 15 and React Native lack, nor a `fetch` that obeys its signal:
 * Node 20 forgets the signal of a garbage-collected `Request`, which then never ends.
 */
export function withinLimit<T>(
  milliseconds: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout>;
  const over = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      const error = new Error(`no answer within ${milliseconds} ms`);
      error.name = 'TimeoutError';
      reject(error);
      controller.abort(error);
    }, milliseconds);
  });
  return Promise.race([work(controller.signal), over]).finally(() =>
    clearTimeout(timer),
  );
}
