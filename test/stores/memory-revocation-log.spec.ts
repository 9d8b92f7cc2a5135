import { MemoryRevocationLog } from '../../lib/stores/memory-revocation-log.js';
import { describeRevocationLog } from '../../lib/testing/describe-revocation-log.js';
import {
  append,
  Follower,
  RETENTION,
  texts,
} from '../../lib/testing/log-contract/follower.js';
import { TestSessionClock } from '../../lib/testing/test-session-clock.js';

function newLog() {
  const log = new MemoryRevocationLog();
  const clock = new TestSessionClock();
  log.useClock(clock);
  return { log, clock, advance: (seconds: number) => clock.advance(seconds) };
}

describeRevocationLog('MemoryRevocationLog', newLog, {
  without: ['cut', 'lose'],
});

describe('MemoryRevocationLog', () => {
  it('delivers before append() resolves, and after it has returned', async () => {
    const { log } = newLog();
    const follower = await new Follower(log).until(() => true);
    const appending = append(log, ['entry']);
    expect(follower.received).toEqual([]);
    await appending;
    expect(follower.received).toEqual(['entry']);
    await follower.stop();
  });

  it('has the time of the clock of the module, in whole seconds', async () => {
    const { log, clock } = newLog();
    const time = await append(log, ['entry']);
    expect(time.getTime()).toBe(clock.nowSeconds() * 1000);
  });

  it('holds no more than matters', async () => {
    const { log, advance } = newLog();
    for (let i = 0; i < 20; i += 1) {
      await append(log, texts('entry', 100));
      await append(log, ['proof'], { isProof: true });
      advance(RETENTION / 2);
    }
    await append(log, ['last']);
    expect(log.size).toBe(100 * 2 + 2);
  });

  it('reports a gap to a follower with a position that it has never given', async () => {
    const { log } = newLog();
    await append(log, ['entry']);
    for (const position of ['2', 'x']) {
      const follower = await new Follower(log, position).untilCaughtUp();
      expect(follower.batches).toEqual([
        expect.objectContaining({ entries: ['entry'], hasGap: true }),
      ]);
      await follower.stop();
    }
  });

  it('needs leave to run in production', () => {
    const before = process.env['NODE_ENV'];
    process.env['NODE_ENV'] = 'production';
    try {
      expect(() => new MemoryRevocationLog()).toThrow(
        'revocations: MemoryRevocationLog loses every revocation at a restart',
      );
      const log = new MemoryRevocationLog({ allowInProduction: true });
      expect(log.size).toBe(0);
    } finally {
      process.env['NODE_ENV'] = before;
    }
  });
});
