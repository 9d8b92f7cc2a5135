import type { ResolvedCacheOptions } from '../options/resolved-options.js';
import { BoundedMap } from './bounded-map.js';
import { heapSizeOf, RecentShapes } from './heap-size.js';
import type { VerifiedSession } from './verified-session.js';

interface Entry {
  readonly token: string;
  /** The keys that it was verified with. */
  readonly keys: object;
  readonly session: VerifiedSession;
}

/** What an entry takes besides its token and its claims: measured. */
const BYTES_PER_ENTRY = 400;

/**
 * Tokens whose signature and claims were found to be good, so that the next request spends no crypto on
 * them. Found by their signature and used only when the whole token is equal (a match by a part let one
 * user's claims stand for another's: CVE-2026-35039) and the keys are still the same. Refusals are never
 * remembered, and clocks are asked at each use.
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

/** The same text on its own: one that is cut out of a header would keep the whole header in memory. */
function detached(token: string): string {
  return Buffer.from(token, 'latin1').toString('latin1');
}
