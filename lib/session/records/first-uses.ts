import type { SessionStore } from '../../ports/session-store.js';
import type { SessionClaims } from '../../tokens/session-claims.js';
import { BoundedMap } from '../model/bounded-map.js';

type UsedToken = Pick<SessionClaims, 'sid' | 'sub' | 'gen'>;

const USED_SESSIONS = 50_000;

/**
 * Reports to the store that the tokens of a refresh have reached their owner: a session token issued with them was
 * presented. Until then the same exchange can be repeated, however late. Reports once per generation that this process
 * meets, in the background.
 */
export class FirstUses {
  readonly #store: SessionStore | undefined;
  readonly #told = new BoundedMap<string, number>(USED_SESSIONS);

  /** @param store `undefined` if none records the use of tokens */
  constructor(store: SessionStore | undefined) {
    this.#store = store?.confirmUse ? store : undefined;
  }

  /** Returns the generation of a token, unless the store knows already that it, or a later one, is in use. */
  firstUseOf({ sid, gen }: UsedToken): number | undefined {
    return gen === undefined ||
      !this.#store ||
      gen <= (this.#told.get(sid) ?? -1)
      ? undefined
      : gen;
  }

  /** Notes that the store knows of a use. */
  told(sid: string, generation: number): void {
    this.#told.set(sid, generation);
  }

  /** Reports a use to the store in the background, and again at the next use if that fails. */
  note(claims: UsedToken): void {
    const generation = this.firstUseOf(claims);
    if (generation !== undefined) {
      this.#tell(claims, generation);
    }
  }

  #tell({ sid, sub }: UsedToken, generation: number): void {
    this.told(sid, generation);
    this.#store!.confirmUse!(sid, sub, generation).catch(() => {
      // The store's failure was already reported.
      if (this.#told.get(sid) === generation) this.#told.delete(sid);
    });
  }
}
