/** Keeps the event loop from doing anything else, as a handler does that computes. */
export function blockLoop(milliseconds: number): void {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}
