import { jest } from '@jest/globals';
import { monotonicTimeOf, SystemSessionClock } from '../../lib/ports/clock.js';
import { SessionError } from '../../lib/errors/session-error.js';
import { LoadFailures } from '../../lib/session/loading/load-failures.js';
import type { SessionEvent } from '../../lib/session/model/session-event.js';
import { SessionEvents } from '../../lib/session/model/session-events.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import type { SessionClaims } from '../../lib/tokens/session-claims.js';
import { claimsOf, newSessionId, NOW } from '../support/session-claims.js';

function start() {
  const clock = new TestSessionClock(NOW);
  const stream = new SessionEvents(() => clock.nowSeconds());
  const events: SessionEvent[] = [];
  stream.stream.subscribe((event) => events.push(event));
  const failures = new LoadFailures(stream, monotonicTimeOf(clock));
  return {
    clock,
    events,
    failures,
    /** Notes an outage. */
    add: (claims: SessionClaims, thrown: SessionError) =>
      failures.add(claims, thrown) as SessionError,
  };
}

const down = (message = 'the data loader failed') =>
  new SessionError('LOADER_UNAVAILABLE', message, {
    cause: new Error('connection refused'),
    retryAfterSeconds: 1,
  });

describe('LoadFailures', () => {
  it('F-19: waits 1, 2, 4, 8, 16 and then 30 seconds, and tells clients to wait 5 at most', () => {
    const { clock, failures, add } = start();
    const claims = claimsOf();
    const pauses: number[] = [];
    const told: unknown[] = [];
    for (let i = 0; i < 9; i += 1) {
      const error = add(claims, down());
      told.push(error.retryAfterSeconds);
      let pause = 0;
      while (failures.recentOf(claims.sid)) {
        expect(failures.recentOf(claims.sid)).toBe(error);
        clock.advance(1);
        pause += 1;
      }
      pauses.push(pause);
    }
    expect(pauses).toEqual([1, 2, 4, 8, 16, 30, 30, 30, 30]);
    expect(told).toEqual([1, 2, 4, 5, 5, 5, 5, 5, 5]);
  });

  it('knows of no failure of a session that never failed', () => {
    const { failures } = start();
    failures.add(claimsOf(), down());
    expect(failures.recentOf(newSessionId())).toBeUndefined();
    expect(failures.recentOf('__proto__')).toBeUndefined();
  });

  it('counts each session for itself', () => {
    const { failures, add } = start();
    const [one, other] = [claimsOf(), claimsOf()];
    failures.add(one, down());
    failures.add(one, down());
    expect(add(one, down()).retryAfterSeconds).toBe(4);
    expect(add(other, down()).retryAfterSeconds).toBe(1);
  });

  it('begins at 1 second again after a load that went well', () => {
    const { failures, add } = start();
    const claims = claimsOf();
    failures.add(claims, down());
    failures.add(claims, down());
    failures.forget(claims.sid);
    expect(failures.recentOf(claims.sid)).toBeUndefined();
    expect(add(claims, down()).retryAfterSeconds).toBe(1);
  });

  it.each<[string, ...number[]]>([
    ['back', -3_600],
    ['back and forth', -3_600, 3_600],
  ])(
    'neither lengthens nor ends a pause when the clock is set %s (F-16)',
    (_how: string, ...jumps: number[]) => {
      const now = new Date(NOW * 1000);
      jest.useFakeTimers({ now });
      try {
        const time = monotonicTimeOf(new SystemSessionClock());
        const failures = new LoadFailures(new SessionEvents(() => NOW), time);
        const claims = claimsOf();
        failures.add(claims, down());
        failures.add(claims, down());
        for (const seconds of jumps) {
          jest.setSystemTime(Date.now() + seconds * 1000);
        }
        jest.advanceTimersByTime(1_999);
        expect(failures.recentOf(claims.sid)).toBeDefined();
        jest.advanceTimersByTime(1);
        expect(failures.recentOf(claims.sid)).toBeUndefined();
      } finally {
        jest.useRealTimers();
      }
    },
  );

  it('goes by the clock of a test, which may be set back in the middle of a pause (F-16)', () => {
    const { clock, failures } = start();
    const claims = claimsOf();
    failures.add(claims, down());
    clock.advance(-3_600);
    expect(failures.recentOf(claims.sid)).toBeDefined();
    clock.advance(1);
    expect(failures.recentOf(claims.sid)).toBeUndefined();
  });

  it('keeps the code, the message and the cause of what failed', () => {
    const { failures } = start();
    const reason = down('took too long');
    const error = failures.add(claimsOf(), reason);
    expect(error).toMatchObject({
      code: 'LOADER_UNAVAILABLE',
      message: 'took too long',
    });
    expect(error.cause).toBe(reason.cause);
    expect(
      failures.add(claimsOf(), new SessionError('SESSION_TOO_LARGE', 'big')),
    ).toMatchObject({ code: 'SESSION_TOO_LARGE', message: 'big' });
  });

  it.each([undefined, null, 'x', {}])(
    'makes an error of something else that was thrown: %p',
    (thrown) => {
      const { failures, events } = start();
      const claims = claimsOf();
      const error = failures.add(claims, thrown);
      expect(error).not.toBeInstanceOf(SessionError);
      expect(error).toMatchObject({
        message: 'something other than an error was thrown',
      });
      expect(error.cause).toBe(thrown);
      expect(failures.recentOf(claims.sid)).toBe(error);
      expect(events).toHaveLength(1);
    },
  );

  it('leaves a defect as it is, tells it, and waits all the same', () => {
    const { failures, events, clock } = start();
    const claims = claimsOf();
    const defect = new TypeError('a bug', { cause: new Error('behind it') });
    for (const pause of [1, 2, 4]) {
      expect(failures.add(claims, defect)).toBe(defect);
      clock.advance(pause - 1);
      expect(failures.recentOf(claims.sid)).toBe(defect);
      clock.advance(1);
      expect(failures.recentOf(claims.sid)).toBeUndefined();
    }
    expect(events).toMatchObject(
      [1, 2, 3].map(() => ({ type: 'loaderFailed', code: undefined })),
    );
    for (const event of events) expect(event).toHaveProperty('error', defect);
  });

  it('tells each failure, with what the loader threw', () => {
    const { failures, events } = start();
    const claims = claimsOf();
    const reason = down();
    failures.add(claims, reason);
    const bare = new SessionError('NOT_SERIALIZABLE', 'data.at is a Date');
    failures.add(claims, bare);
    expect(events).toMatchObject([
      {
        type: 'loaderFailed',
        code: 'LOADER_UNAVAILABLE',
        subject: 'ada',
        error: reason.cause,
      },
      { type: 'loaderFailed', code: 'NOT_SERIALIZABLE', error: bare },
    ]);
  });

  it('does not blame the loader for a store that is ill, and waits all the same', () => {
    const { failures, events } = start();
    const claims = claimsOf();
    const ill = new SessionError('STORE_UNAVAILABLE', 'no answer', {
      cause: new Error('ECONNREFUSED'),
      retryAfterSeconds: 1,
    });
    for (const pause of [1, 2, 4]) {
      expect(failures.add(claims, ill)).toMatchObject({
        code: 'STORE_UNAVAILABLE',
        retryAfterSeconds: pause,
      });
      expect(failures.recentOf(claims.sid)).toMatchObject({
        code: 'STORE_UNAVAILABLE',
      });
    }
    expect(events).toEqual([]);
    failures.add(claims, down());
    expect(events).toHaveLength(1);
  });

  it('remembers the last 5,000 sessions that failed at least, and not all for ever', () => {
    const { failures } = start();
    const sids = Array.from({ length: 25_000 }, newSessionId);
    for (const sid of sids) {
      failures.add({ sid, sub: 'ada' }, down());
    }
    expect(sids.slice(-5_000).every((sid) => failures.recentOf(sid))).toBe(
      true,
    );
    expect(failures.recentOf(sids[0]!)).toBeUndefined();
  });
});
