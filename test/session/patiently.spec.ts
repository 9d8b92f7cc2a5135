import { jest } from '@jest/globals';
import { LoadedResult } from '../../lib/session/loading/loaded-result.js';
import { patiently } from '../../lib/session/loading/patiently.js';
import type { LoadResult } from '../../lib/session/loading/session-loads.js';
import { RecentShapes } from '../../lib/session/model/heap-size.js';
import { turn } from '../support/asynchrony.js';

const LOADED: LoadResult = {
  kind: 'loaded',
  result: new LoadedResult({
    lat: 0,
    data: {},
    since: undefined,
    shapes: new RecentShapes(),
    whenGrown: () => undefined,
  }),
};
const TOOK_LONGER = {
  kind: 'failed',
  error: { code: 'LOADER_UNAVAILABLE', retryAfterSeconds: 1 },
};

describe('waiting for a load', () => {
  beforeEach(() => {
    jest.useFakeTimers({ doNotFake: ['setImmediate'] });
  });

  afterEach(() => {
    jest.useRealTimers();
  });

  function start(patienceSeconds: number) {
    let end!: (result: LoadResult) => void;
    const load = new Promise<LoadResult>((resolve) => {
      end = resolve;
    });
    const options = {
      patienceSeconds,
      timeoutSeconds: 10,
      concurrency: 1,
      maxStaleSeconds: 0,
      errorEndsSession: false,
    };
    return { load, end, waited: patiently(load, options) };
  }

  it('gives what comes within the patience, and leaves no timer', async () => {
    const { waited, end } = start(2);
    jest.advanceTimersByTime(1_999);
    end(LOADED);
    expect(await waited).toBe(LOADED);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('gives up when the patience is over, whatever comes later', async () => {
    const { waited, end } = start(2);
    jest.advanceTimersByTime(2_000);
    await turn();
    end(LOADED);
    expect(await waited).toMatchObject(TOOK_LONGER);
  });

  it('does not wait without patience', () => {
    expect(start(0).waited).toMatchObject(TOOK_LONGER);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('has no end of its own where the timeout of the load comes first', () => {
    const { load, waited } = start(10);
    expect(waited).toBe(load);
    expect(jest.getTimerCount()).toBe(0);
  });
});
