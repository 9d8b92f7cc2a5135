import type { ResolvedCacheOptions } from '../../options/resolved-options.js';
import { BoundedMap } from '../model/bounded-map.js';
import { heapSizeOf, RecentShapes } from '../model/heap-size.js';
import type { VerifiedSession } from '../model/verified-session.js';

interface Entry {
  readonly token: string;
  /** The keys that verified it. */
  readonly keys: object;
  readonly session: VerifiedSession;
}

/** The bytes of an entry apart from its token and its claims: measured. */
const BYTES_PER_ENTRY = 400;

/**
 * Caches tokens with a valid signature and valid claims, so that the next request spends no crypto on them. Looks them
 * up by signature, and uses them only if the whole token is equal and the keys are the same. (Matching a part let one
 * user's claims stand for another's: CVE-2026-35039.) Never caches refusals, and checks the clocks at each use.
 */
export class VerifiedTokens {
  readonly #entries: BoundedMap<string, Entry>;

  constructor(bounds: ResolvedCacheOptions) {
    const shapes = new RecentShapes();
    this.#entries = new BoundedMap(
      bounds.maxTokens,
      bounds.maxBytes,
      ({ token, session }) =>
        BYTES_PER_ENTRY + token.length + heapSizeOf(session.claims, shapes),
    );
  }

  get(token: string, keys: object): VerifiedSession | undefined {
    const entry = this.#entries.get(signatureOf(token));
    return entry?.token === token && entry.keys === keys
      ? entry.session
      : undefined;
  }

  set(text: string, keys: object, session: VerifiedSession): void {
    const token = detached(text);
    this.#entries.set(signatureOf(token), { token, keys, session });
  }
}

function signatureOf(token: string): string {
  return token.slice(token.lastIndexOf('.') + 1);
}

/** Copies the text: a slice of a header would keep the whole header in memory. */
function detached(token: string): string {
  return Buffer.from(token, 'latin1').toString('latin1');
}
