/** A promise that a test settles when it wants to. */
export interface Gate {
  readonly promise: Promise<void>;
  open(): void;
}

export function createGate(): Gate {
  let open: () => void = () => undefined;
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}

/** Lets everything that is ready happen: microtasks, timers that are over, and I/O. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** What has not happened after so long never will, on the slowest of machines too. */
const HANGS_AFTER_MILLISECONDS = 300_000;

/** How often it is looked without a pause: long enough for all that happens in this process. */
const TURNS_WITHOUT_PAUSE = 200;
/** The real one, whatever a test does with timers. */
const afterMilliseconds = setTimeout;

/** Waits until something that is under way has happened. */
export async function until(
  condition: () => boolean,
  what: string,
): Promise<void> {
  const start = performance.now();
  for (let turns = 0; !condition(); turns += 1) {
    if (performance.now() - start > HANGS_AFTER_MILLISECONDS) {
      throw new Error(`did not happen: ${what}`);
    }
    // What takes longer is done by others, who need the processor.
    await (turns < TURNS_WITHOUT_PAUSE
      ? turn()
      : new Promise((resolve) => afterMilliseconds(resolve, 2)));
  }
}

/** Waits until a server has been given this many requests, and has gone as far with them as it can. */
export async function arrived(
  server: { on(event: 'request', listener: () => void): unknown },
  count: number,
): Promise<void> {
  let requests = 0;
  server.on('request', () => (requests += 1));
  await until(() => requests >= count, `${count} requests`);
  for (let i = 0; i < 20; i += 1) {
    await turn();
  }
}
