/** The messages that tabs of one origin exchange about a session. */
export interface Tabs<Tokens> {
  /** Settles when the other tabs have had the time to report what they know. */
  readonly ready: Promise<void>;
  /** Grows with every sign-in, refresh and end in any tab, as far as this tab has heard. */
  epoch(): number;
  /**
   * Does one piece of work at a time in all tabs.
   *
   * @param epoch skips the work (`undefined`) if this epoch has passed when it is this tab's turn
   */
  exclusively<T>(
    work: () => Promise<T>,
    epoch?: number,
  ): Promise<T | undefined>;
  /**
   * Announces a sign-in or a refresh.
   *
   * @param isIdle whether it is no activity of the user
   */
  tellSession(tokens: Tokens | undefined, isIdle?: boolean): void;
  /** Announces other tokens of the same session, without a refresh. */
  tellTokens(tokens: Tokens): void;
  tellEnded(): void;
  close(): void;
}

/** How this tab reacts to messages of another one. */
export interface TabListener<Tokens> {
  /** @param isIdle whether the last refresh is no activity; `undefined` without one */
  session(tokens: Tokens | undefined, isIdle?: boolean): void;
  ended(): void;
  /** Returns what to report to a new tab; `undefined` without a session. */
  answer():
    | { readonly tokens: Tokens | undefined; readonly isIdle?: boolean }
    | undefined;
}

type Message<Tokens> =
  | {
      kind: 'session';
      epoch: string;
      /** The epoch in which it is news; if absent, every epoch. */
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

/** Longest delivery time of a message: a new tab waits for answers, and a turn lasts until its news is there. */
const DELIVERY_MILLISECONDS = 100;
/** How long a tab waits for competing tabs if the browser has no locks. */
const ELECTION_MILLISECONDS = 60;
/** After this time, a tab asks again which tab is at work: the other one may have been closed. */
const PATIENCE_MILLISECONDS = 1000;
/** How much longer than its work a tab may hold the lock. */
const LOCK_MILLISECONDS = 10_000;

/**
 * Connects tabs by `BroadcastChannel` and Web Locks; without those, this tab is alone. A server has no tabs: its
 * clients belong to different users, and nothing may pass between them.
 *
 * @param workMilliseconds how long a piece of work may take: a tab that holds the lock for much longer is not running
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
  /** The name of this epoch in all tabs. The answer to a new tab passes the name and starts no epoch. */
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
      // Another tab may run another version of this file.
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
            // A tab that came later has missed the earlier candidates.
            if (rank < message.rank) tell({ kind: 'wants', rank });
          }
      }
    };
    tell({ kind: 'asks' });
    setTimeout(beReady, DELIVERY_MILLISECONDS);
  } else {
    beReady();
  }

  /** Runs without Web Locks, which need a secure context: the tab of the lowest rank goes first. */
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
    // Lower than any other: newcomers have to wait.
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
              // A browser that forbids storage may forbid locks, and a tab that is not running may hold one for ever.
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
  // React Native has no `crypto`, but no other tabs either that could have the same name.
  const { crypto } = globalThis as { crypto?: typeof globalThis.crypto };
  const numbers = crypto?.getRandomValues(new Uint32Array(2));
  return `${numbers?.join() ?? performance.now()}`;
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
