import type { RevocationBatch } from '../ports/revocation-log.js';

/** How many entries a follower reads at a time. */
export const PAGE = 500;

/** What a log contains after a position, read in one step. */
export interface LogPage {
  readonly entries: readonly string[];
  /** The position after these entries. */
  readonly position: string;
  /** Every entry with an earlier time has been read with this page. `undefined` if the log never contained anything. */
  readonly asOf: Date | undefined;
  /** Whether entries are missing although their retention has not ended. */
  readonly hasGap: boolean;
  /** Whether more entries may follow immediately. */
  readonly isFull: boolean;
}

/** One follower's connection to a log. */
export interface LogReader {
  open(): Promise<void>;
  /**
   * Reads what follows a position. Returns 'lost' if the log no longer contains the position although its retention is
   * not ended: nothing shows what followed it. Reading from the oldest entry is never 'lost'.
   */
  read(position: string | undefined): Promise<LogPage | 'lost'>;
  /** Resolves as soon as something may follow a position, or after a while. */
  wait(position: string): Promise<void>;
  /** Closes the connection immediately, in any state: the methods above reject. Never throws. */
  close(): void;
}

/** Implements `RevocationLog.follow` on a reader, and closes the reader in the end. */
export async function followLog(
  reader: LogReader,
  from: string | undefined,
  listener: (batch: RevocationBatch) => void,
  signal: AbortSignal,
): Promise<void> {
  let stop: () => void = () => undefined;
  const aborted = new Promise<void>((resolve) => {
    stop = resolve;
  });
  signal.addEventListener('abort', stop);
  try {
    await Promise.race([deliver(reader, from, listener, signal), aborted]);
  } catch (error) {
    if (!signal.aborted) {
      throw error;
    }
  } finally {
    signal.removeEventListener('abort', stop);
    reader.close();
  }
}

async function deliver(
  reader: LogReader,
  from: string | undefined,
  listener: (batch: RevocationBatch) => void,
  signal: AbortSignal,
): Promise<void> {
  if (signal.aborted) {
    return;
  }
  await reader.open();
  let position = from;
  let isCaughtUp = false;
  let hasGap = false;
  for (;;) {
    const page = await reader.read(position);
    if (signal.aborted) {
      return;
    }
    if (page === 'lost') {
      if (isCaughtUp) {
        // Earlier batches claimed to be complete, so a new attempt begins and reports the gap.
        throw new Error('the log has lost entries; follow it again');
      }
      position = undefined;
      hasGap = true;
      continue;
    }
    const { entries, asOf, isFull } = page;
    position = page.position;
    hasGap ||= page.hasGap;
    const hasCaughtUp: boolean = isCaughtUp || !isFull;
    if (entries.length > 0 || hasGap || hasCaughtUp !== isCaughtUp) {
      listener({
        entries,
        position,
        ...(hasCaughtUp && asOf && { asOf }),
        ...(hasGap && { hasGap }),
      });
      hasGap = false;
    }
    isCaughtUp = hasCaughtUp;
    if (signal.aborted) {
      return;
    }
    if (!isFull) {
      await reader.wait(position);
    }
  }
}
