import type { Transport } from '../options/transport.js';
import { isAmbient } from './cross-site.js';

/**
 * Returns the transports that lose their tokens because they carry different sessions: those of the browser, if they
 * differ among themselves. Nobody knows which one is right, and no address, body or header may cost a browser its
 * cookies.
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
