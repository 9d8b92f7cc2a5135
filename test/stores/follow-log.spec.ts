import type { RevocationBatch } from '../../lib/ports/revocation-log.js';
import { followLog, type LogPage } from '../../lib/stores/follow-log.js';

/** A connection whose every step the test carries out. */
class ManualReader {
  closed = 0;
  readonly steps: {
    readonly what: string;
    readonly resolve: (page?: unknown) => void;
    readonly reject: (error: Error) => void;
  }[] = [];

  open(): Promise<void> {
    return this.#step('open') as Promise<void>;
  }

  read(position?: string): Promise<LogPage | 'lost'> {
    return this.#step(`read ${position}`) as Promise<LogPage | 'lost'>;
  }

  wait(position: string): Promise<void> {
    return this.#step(`wait ${position}`) as Promise<void>;
  }

  close(): void {
    this.closed += 1;
  }

  /** Ends the last step, once that is the one which is expected. */
  async end(what: string, result?: unknown): Promise<void> {
    for (let i = 0; i < 20; i += 1) await Promise.resolve();
    const step = this.steps.at(-1)!;
    expect(step.what).toBe(what);
    step.resolve(result);
    for (let i = 0; i < 20; i += 1) await Promise.resolve();
  }

  #step(what: string): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.steps.push({ what, resolve, reject });
    });
  }
}

const ASOF = new Date(1_000);

function page(position: string, changes: Partial<LogPage> = {}): LogPage {
  return {
    entries: [],
    position,
    asOf: ASOF,
    hasGap: false,
    isFull: false,
    ...changes,
  };
}

describe('followLog', () => {
  let reader: ManualReader;
  let controller: AbortController;
  let batches: RevocationBatch[];
  let following: Promise<void>;

  beforeEach(() => {
    reader = new ManualReader();
    controller = new AbortController();
    batches = [];
    following = followLog(
      reader,
      undefined,
      (batch) => batches.push(batch),
      controller.signal,
    );
    following.catch(() => undefined);
  });

  it('reads page by page, and waits only after the last one', async () => {
    await reader.end('open');
    await reader.end(
      'read undefined',
      page('1', { entries: ['a'], isFull: true }),
    );
    await reader.end('read 1', page('2', { entries: ['b'], isFull: true }));
    await reader.end('read 2', page('2'));
    await reader.end('wait 2');
    await reader.end('read 2', page('2'));
    await reader.end('wait 2');
    await reader.end('read 2', page('3', { entries: ['c'] }));
    expect(batches).toEqual([
      { entries: ['a'], position: '1' },
      { entries: ['b'], position: '2' },
      { entries: [], position: '2', asOf: ASOF },
      { entries: ['c'], position: '3', asOf: ASOF },
    ]);
  });

  it('begins from the oldest entry with a gap if the log does not contain the position', async () => {
    await reader.end('open');
    await reader.end('read undefined', 'lost');
    await reader.end(
      'read undefined',
      page('1', { entries: ['a'], isFull: true }),
    );
    await reader.end('read 1', page('2', { entries: ['b'] }));
    expect(batches).toEqual([
      { entries: ['a'], position: '1', hasGap: true },
      { entries: ['b'], position: '2', asOf: ASOF },
    ]);
  });

  it('rejects if the log no longer contains the position of a follower that had everything', async () => {
    await reader.end('open');
    await reader.end('read undefined', page('1'));
    await reader.end('wait 1');
    await reader.end('read 1', 'lost');
    await expect(following).rejects.toThrow('has lost entries');
    expect(reader.closed).toBe(1);
  });

  it.each(['open', 'read', 'wait'])(
    'resolves and closes if it is aborted in its %s, and delivers nothing that arrives then',
    async (step) => {
      if (step !== 'open') await reader.end('open');
      if (step === 'wait') await reader.end('read undefined', page('1'));
      const count = batches.length;
      controller.abort();
      await following;
      expect(reader.closed).toBe(1);
      reader.steps.at(-1)!.resolve(page('2', { entries: ['late'] }));
      for (let i = 0; i < 20; i += 1) await Promise.resolve();
      expect(batches).toHaveLength(count);
    },
  );

  it.each(['open', 'read', 'wait'])(
    'rejects and closes if its %s fails, but not after an abort',
    async (step) => {
      if (step !== 'open') await reader.end('open');
      if (step === 'wait') await reader.end('read undefined', page('1'));
      for (let i = 0; i < 20; i += 1) await Promise.resolve();
      const { reject } = reader.steps.at(-1)!;
      reject(new Error('broken'));
      await expect(following).rejects.toThrow('broken');
      expect(reader.closed).toBe(1);

      const aborted = followLog(
        reader,
        undefined,
        () => undefined,
        controller.signal,
      );
      controller.abort();
      reader.steps.at(-1)!.reject(new Error('closed'));
      await aborted;
    },
  );
});
