import type { RevocationLog } from '../ports/revocation-log.js';
import type { Duration } from './durations.js';

/** How revocations reach every node. */
export interface RevocationOptions {
  /** Carries them. Every node of the application needs the same log. */
  log: RevocationLog;
  /**
   * For how long a node may hear nothing of the log. After that, revocations may be missing: it emits
   * `revocationsLagging`, and does what `whenLagging` says. Nodes that issue sessions write to the log at least
   * twice in this time.
   *
   * @default '1s'
   */
  maxLag?: Duration;
  /**
   * How many live revocations a node keeps in memory, at about 200 bytes each. A node with no room for more counts as
   * lagging, and never accepts. At 80 %, it emits `revocationsFilling`.
   *
   * @default 1_000_000
   */
  maxEntries?: number;
  /**
   * What happens to sessions while revocations may be missing. `'ask-store'`: the store confirms each request.
   * `'refuse'`: requests get 503. `'accept'`: revocations of other nodes take effect as late as without a log. In every
   * case, no idle end moves.
   *
   * @default 'ask-store' with a store, 'accept' without
   */
  whenLagging?: 'ask-store' | 'refuse' | 'accept';
}
