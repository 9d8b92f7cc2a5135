const NEVER_NOTIFIED = new Int32Array(new SharedArrayBuffer(4));

/** Keeps the event loop from doing anything else, as a handler does that computes, but leaves the processor to others. */
export function blockLoop(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  for (let left = milliseconds; left > 0; left = end - performance.now()) {
    Atomics.wait(NEVER_NOTIFIED, 0, 0, left);
  }
}
