import type {
  SessionTokens,
  SessionTokenStorage,
} from './session-client-options.js';
import {
  layoutOf,
  MAX_PARTS,
  splitText,
  textOf,
  tokensOf,
  type Place,
} from './stored-parts.js';
import { withinLimit } from './within-limit.js';

/** The tokens in a storage of the application. Its failures never reject: the session continues in memory. */
export interface StoredTokens {
  /** Reads the tokens, once; after a failure again at the next call. */
  load(): Promise<SessionTokens | undefined>;
  /** Writes the tokens, or deletes them. Settles when these or newer ones are stored, or after the time limit. */
  save(tokens: SessionTokens | undefined): Promise<void>;
  /** Starts a failed write again, and settles like `save`. */
  written(): Promise<void>;
  /**
   * Another tab has newer tokens, or none, and writes that. Drops what is not written yet; a write in flight may still
   * take effect, so the newer tokens are written after it.
   */
  follow(tokens: SessionTokens | undefined): void;
}

/**
 * One write runs at a time, and the next one writes the newest tokens: a slow write never overwrites newer ones. The
 * first part is written last. Until then it names the place of the previous parts, which are still there.
 */
export function createStoredTokens(
  storage: SessionTokenStorage,
  routes: string,
  milliseconds: number,
): StoredTokens {
  // SecureStore allows letters, digits and `.-_` in names.
  const name = `session-${routes.replace(/[^\w.-]/g, '_')}`;
  let wanted: { readonly tokens: SessionTokens | undefined } | undefined;
  let writing: Promise<void> | undefined;
  let reading: Promise<SessionTokens | undefined> | undefined;
  /** Whether a write has taken longer than the limit: nothing waits for it any more. */
  let isStuck = false;
  let reported: string | undefined;

  const nameOf = (place: Place, part: number): string =>
    `${name}.${place}.${part}`;

  /** Reports the first of equal failures, until a write succeeds. */
  function report(what: 'get' | 'set', error: unknown): void {
    if (reported !== what) {
      console.error(`SessionClient: tokens.${what} failed`, error);
    }
    reported = what;
  }

  async function read(): Promise<SessionTokens | undefined> {
    const parts = [await storage.get(name)];
    const { place = 0, count = 1 } = layoutOf(parts[0]) ?? {};
    while (parts.length < count) {
      parts.push(await storage.get(nameOf(place, parts.length)));
    }
    return tokensOf(parts);
  }

  async function write(
    tokens: SessionTokens | undefined,
    isNewest: () => boolean,
  ): Promise<void> {
    const set = async (at: string, value: string | null): Promise<unknown> =>
      isNewest() && storage.set(at, value);
    const text = tokens && textOf(tokens);
    let place: Place = 0;
    let parts = text && splitText(text, place);
    if (!text || !parts) {
      if (text) report('set', new RangeError(`${text.length} characters`));
      await set(name, null);
      for (let part = 1; part < MAX_PARTS; part += 1) {
        await set(nameOf(0, part), null);
        await set(nameOf(1, part), null);
      }
      return;
    }
    if (parts.length > 1 && layoutOf(await storage.get(name))?.place === 0) {
      parts = splitText(text, (place = 1))!;
    }
    for (let part = parts.length - 1; part > 0; part -= 1) {
      await set(nameOf(place, part), parts[part]!);
    }
    await set(name, parts[0]!);
  }

  async function writeAll(): Promise<void> {
    while (wanted) {
      const current = wanted;
      const isNewest = (): boolean => wanted === current;
      try {
        await write(current.tokens, isNewest);
        if (isNewest()) wanted = reported = undefined;
      } catch (error) {
        report('set', error);
        if (isNewest()) break;
      }
    }
    writing = undefined;
    isStuck = false;
  }

  async function written(): Promise<void> {
    if (wanted) writing ??= writeAll();
    const current = writing;
    if (!current || isStuck) return;
    await withinLimit(milliseconds, () => current).catch((error: unknown) => {
      isStuck = true;
      report('set', error);
    });
  }

  return {
    load() {
      reading ??= read().catch((error: unknown) => {
        reading = undefined;
        report('get', error);
        return undefined;
      });
      const answer = reading;
      return withinLimit(milliseconds, () => answer).catch((error: unknown) => {
        report('get', error);
        return undefined;
      });
    },
    save(tokens) {
      wanted = { tokens };
      return written();
    },
    written,
    follow(tokens) {
      wanted = writing && { tokens };
    },
  };
}
