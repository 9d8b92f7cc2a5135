import type { SessionStore } from '../options/session-store.js';
import type { SessionClaims } from '../tokens/session-claims.js';
import { BoundedMap } from './bounded-map.js';

type UsedToken = Pick<SessionClaims, 'sid' | 'sub' | 'gen'>;

const USED_SESSIONS = 50_000;

/**
 * Tells the store that the tokens of a refresh have reached their owner: a session token that was issued with them was
 * presented. Until then their refresh token can be asked for again, however late. Once for each generation that this
 * process meets, and nobody waits for it.
 */
export class FirstUses {
  readonly #store: SessionStore | undefined;
  readonly #told = new BoundedMap<string, number>(USED_SESSIONS);

  /** @param store `undefined` where none records the use of tokens */
  constructor(store: SessionStore | undefined) {
    this.#store = store?.confirmUse ? store : undefined;
  }

  /** The generation of a token, if the store has not been told yet that it, or a later one, is in use. */
  firstUseOf({ sid, gen }: UsedToken): number | undefined {
    return gen === undefined ||
      !this.#store ||
      gen <= (this.#told.get(sid) ?? -1)
      ? undefined
      : gen;
  }

  /** Notes that the store has been told. */
  told(sid: string, generation: number): void {
    this.#told.set(sid, generation);
  }

  /** Tells the store in the background, and again at the next use where that fails. */
  note(claims: UsedToken): void {
    const generation = this.firstUseOf(claims);
    if (generation !== undefined) {
      this.#tell(claims, generation);
    }
  }

  #tell({ sid, sub }: UsedToken, generation: number): void {
    this.told(sid, generation);
    this.#store!.confirmUse!(sid, sub, generation).catch(() => {
      // The store was reported when it failed.
      if (this.#told.get(sid) === generation) this.#told.delete(sid);
    });
  }
}
