/** What tabs of one origin tell each other of a session. */
export interface Tabs<Tokens> {
  /** Settles when the other tabs have had the time to say what they know. */
  readonly ready: Promise<void>;
  /** Grows with every sign-in, refresh and end in any tab, as far as this one has heard. */
  epoch(): number;
  /**
   * One piece of work at a time in all tabs.
   *
   * @param epoch when this one is over before it is this tab's turn, the work is not done: `undefined`
   */
  exclusively<T>(
    work: () => Promise<T>,
    epoch?: number,
  ): Promise<T | undefined>;
  /**
   * A sign-in or a refresh.
   *
   * @param isIdle whether it is no activity of the user
   */
  tellSession(tokens: Tokens | undefined, isIdle?: boolean): void;
  /** Other tokens of the same session, without a refresh. */
  tellTokens(tokens: Tokens): void;
  tellEnded(): void;
  close(): void;
}

/** What this tab does when another one tells or asks something. */
export interface TabListener<Tokens> {
  /** @param isIdle whether the last refresh is no activity; `undefined` where there was none */
  session(tokens: Tokens | undefined, isIdle?: boolean): void;
  ended(): void;
  /** What a new tab is told; `undefined` without a session. */
  answer():
    | { readonly tokens: Tokens | undefined; readonly isIdle?: boolean }
    | undefined;
}

type Message<Tokens> =
  | {
      kind: 'session';
      epoch: string;
      /** The epoch in which it is news; in every one without. */
      during?: string;
      tokens: Tokens | undefined;
      isIdle?: boolean | undefined;
    }
  | { kind: 'ended' | 'asks' | 'free' }
  | { kind: 'wants'; rank: string };

interface LockManager {
  request(
    name: string,
    options: { signal: AbortSignal },
    work: () => Promise<void>,
  ): Promise<unknown>;
}

/** How long a message takes at most: a new tab waits for answers, and a turn goes on until its news has arrived. */
const DELIVERY_MILLISECONDS = 100;
/** How long a tab waits for others that want the same, where the browser has no locks. */
const ELECTION_MILLISECONDS = 60;
/** After this much a tab asks again who is at work: the other one may have been closed. */
const PATIENCE_MILLISECONDS = 1000;
/** How much longer than its work takes a tab may have the lock. */
const LOCK_MILLISECONDS = 10_000;

/**
 * Tabs by `BroadcastChannel` and Web Locks; where there are none, this tab alone. A server has no tabs: its clients
 * belong to different users, and nothing may pass from one to another.
 *
 * @param workMilliseconds how long a piece of work may take: a tab that has the lock for much longer does not run
 */
export function createTabs<Tokens>(
  name: string,
  listener: TabListener<Tokens>,
  workMilliseconds: number,
): Tabs<Tokens> {
  const { navigator } = globalThis as { navigator?: { locks?: LockManager } };
  let channel = openChannel(name);
  let locks = channel && navigator?.locks;
  const begin = (): void => {
    epoch += 1;
    heard = random();
  };
  const isAlone = (): boolean => channel === undefined;
  const tell = (message: Message<Tokens>): void =>
    // oxlint-disable-next-line unicorn/require-post-message-target-origin
    channel?.postMessage(message);
  let epoch = 0;
  /** The name of this epoch in all tabs; an answer to a new one tells its name and begins none. */
  let heard = '';
  let rank: string | undefined;
  let isFirst = true;
  let isFree = false;
  let goOn = (): void => undefined;
  let turn = Promise.resolve();
  let beReady = (): void => undefined;
  const ready = new Promise<void>((resolve) => (beReady = resolve));

  if (channel) {
    channel.onmessage = ({ data }: { data: unknown }) => {
      // A tab may have another version of this file.
      const message = (data ?? {}) as Message<Tokens>;
      switch (message.kind) {
        case 'session':
          if (message.during !== undefined && message.during !== heard) break;
          heard = message.epoch;
          if (message.during === undefined) epoch += 1;
          listener.session(message.tokens, message.isIdle);
          beReady();
          goOn();
          break;
        case 'ended':
          begin();
          listener.ended();
          goOn();
          break;
        case 'asks': {
          const answer = listener.answer();
          if (answer) {
            tell({ kind: 'session', during: '', epoch: heard, ...answer });
          }
          break;
        }
        case 'free':
          isFree = true;
          goOn();
          break;
        case 'wants':
          if (rank !== undefined) {
            isFirst &&= rank < message.rank;
            // A tab that came later did not hear who wants the same.
            if (rank < message.rank) tell({ kind: 'wants', rank });
          }
      }
    };
    tell({ kind: 'asks' });
    setTimeout(beReady, DELIVERY_MILLISECONDS);
  } else {
    beReady();
  }

  /** Web Locks need a secure context; without them the tab of the lowest rank goes first. */
  async function elected(
    run: () => Promise<void>,
    isOver: () => boolean,
  ): Promise<void> {
    rank = random();
    while (!isAlone() && !isOver()) {
      isFirst = true;
      isFree = false;
      tell({ kind: 'wants', rank });
      await pause(ELECTION_MILLISECONDS);
      if (isFirst) break;
      if (!isFree && !isOver()) {
        await new Promise<void>((resolve) => {
          goOn = resolve;
          setTimeout(resolve, PATIENCE_MILLISECONDS);
        });
      }
    }
    // Lower than any other: who comes now has to wait.
    rank = '';
    await run();
    rank = undefined;
    tell({ kind: 'free' });
  }

  return {
    ready,
    epoch: () => epoch,
    exclusively: (work, during) =>
      new Promise((resolve, reject) => {
        let hasBegun = false;
        const isOver = () => during !== undefined && during !== epoch;
        const run = async (): Promise<void> => {
          hasBegun = true;
          clearTimeout(timer);
          const before = epoch;
          const done = (async () => (isOver() ? undefined : work()))();
          await done.then(resolve, reject);
          if (epoch !== before && !isAlone())
            await pause(DELIVERY_MILLISECONDS);
        };
        const elect = (): Promise<void> =>
          (turn = turn.then(() => elected(run, isOver)));
        let timer: ReturnType<typeof setTimeout> | undefined;
        if (locks) {
          const patience = new AbortController();
          const { signal } = patience;
          timer = setTimeout(
            () => patience.abort(),
            workMilliseconds + LOCK_MILLISECONDS,
          );
          locks.request(name, { signal }, run).catch(() => {
            clearTimeout(timer);
            if (!hasBegun) {
              // A browser that forbids storage may forbid locks; a tab that does not run may have it for ever.
              locks = undefined;
              void elect();
            }
          });
        } else {
          void elect();
        }
      }),
    tellSession(tokens, isIdle) {
      begin();
      tell({ kind: 'session', epoch: heard, tokens, isIdle });
    },
    tellTokens: (tokens) =>
      tell({ kind: 'session', during: heard, epoch: heard, tokens }),
    tellEnded() {
      begin();
      tell({ kind: 'ended' });
    },
    close() {
      channel?.close();
      channel = undefined;
      goOn();
    },
  };
}

function openChannel(
  name: string,
): InstanceType<typeof globalThis.BroadcastChannel> | undefined {
  const { BroadcastChannel, location } = globalThis as {
    BroadcastChannel?: typeof globalThis.BroadcastChannel;
    location?: object;
  };
  try {
    return location && BroadcastChannel && new BroadcastChannel(name);
  } catch {
    return undefined;
  }
}

function random(): string {
  // React Native has no `crypto`, and no other tabs that could have the same name.
  const { crypto } = globalThis as { crypto?: typeof globalThis.crypto };
  const numbers = crypto?.getRandomValues(new Uint32Array(2));
  return `${numbers?.join() ?? performance.now()}`;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
