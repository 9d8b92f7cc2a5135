import type { Transport } from '../../ports/transport.js';
import { isAmbient } from './cross-site.js';

/**
 * Returns the transports that lose their tokens because the request carries different sessions: those of the browser,
 * if they contradict each other, since neither is provably the right one. A token in an address, a body or a header
 * never clears a cookie.
 */
export function clearedByConflict(
  carriers: readonly Transport[],
  other: Transport,
): readonly Transport[] {
  const ambient = carriers.filter(isAmbient);
  return ambient.length > 0 && isAmbient(other)
    ? [...new Set([...ambient, other])]
    : [];
}
