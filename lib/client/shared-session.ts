import { createKnownSession, type KnownSession } from './known-session.js';
import type {
  SessionClientOptions,
  SessionTokens,
} from './session-client-options.js';
import { createStoredTokens } from './stored-tokens.js';
import { createTabs, type Tabs } from './tabs.js';

/** The session of a client, in step with the other tabs and the storage. */
export interface SharedSession {
  readonly known: KnownSession;
  readonly tabs: Omit<Tabs<SessionTokens>, `tell${string}`>;
  /**
   * Settles when the other tabs and the storage have had the time to report what they know, and new tokens are stored:
   * once the server has seen them, the refresh token before them may be taken for stolen. `undefined` for no wait.
   */
  ready(): Promise<void> | undefined;
  /** Adopts the session of a sign-in. */
  begin(tokens: SessionTokens | undefined): void;
  /** Adopts the tokens of a refresh, and settles when they are stored. */
  refreshed(
    tokens: SessionTokens | undefined,
    isPassive: boolean,
  ): Promise<void>;
  /** Adopts other tokens of the same session, and settles when they are stored. */
  reissued(tokens: SessionTokens): Promise<void>;
  /** Deletes the tokens from the storage. */
  erase(): Promise<void>;
  /** Ends the session here and in the other tabs, and settles when the storage has no tokens. */
  end(): Promise<void>;
}

/** Returns whether scripts keep the tokens. */
export function keepsTokensWith(
  tokens: SessionClientOptions['tokens'],
): boolean {
  return tokens === 'memory' || typeof tokens === 'object';
}

export function createSharedSession(
  options: SessionClientOptions,
  routes: string,
  milliseconds: number,
): SharedSession {
  const { tokens: choice } = options;
  const keepsTokens = keepsTokensWith(choice);
  const known = createKnownSession(keepsTokens);
  const storage =
    typeof choice === 'object'
      ? createStoredTokens(choice, routes, milliseconds)
      : undefined;

  function end(): void {
    if (known.end()) {
      // An error of the listener, immediate or later, must not fail a request.
      (async () => options.onSessionEnded?.())().catch(console.error);
    }
  }

  const tabs = createTabs<SessionTokens>(
    `session ${typeof choice === 'object' ? 'storage' : choice} ${routes}`,
    {
      session(tokens, isIdle) {
        known.begin(tokens, isIdle);
        storage?.follow(known.tokens);
      },
      ended() {
        end();
        storage?.follow(undefined);
      },
      answer: () =>
        known.isLive
          ? { tokens: known.tokens, isIdle: known.isIdle }
          : undefined,
    },
    // The tokens of a refresh are stored during its turn.
    storage ? 2 * milliseconds : milliseconds,
  );

  const store = async (): Promise<void> =>
    known.tokens && storage?.save(known.tokens);
  const erase = async (): Promise<void> => storage?.save(undefined);

  async function waitForTokens(): Promise<void> {
    await storage?.written();
    if (known.tokens) return;
    await tabs.ready;
    if (!storage || known.isLive !== undefined) return;
    const tokens = await storage.load();
    // A sign-in or a sign-out meanwhile is news.
    if (tokens && known.isLive === undefined) known.begin(tokens);
  }

  return {
    known,
    tabs,
    ready: () =>
      storage || (keepsTokens && !known.tokens) ? waitForTokens() : undefined,
    begin(tokens) {
      known.begin(tokens, false);
      tabs.tellSession(known.tokens, false);
      void store();
    },
    refreshed(tokens, isPassive) {
      known.isIdle = isPassive;
      known.keep(tokens);
      tabs.tellSession(known.tokens, isPassive);
      return store();
    },
    reissued(tokens) {
      known.keep(tokens);
      tabs.tellTokens(known.tokens!);
      return store();
    },
    erase,
    end() {
      tabs.tellEnded();
      end();
      return erase();
    },
  };
}
