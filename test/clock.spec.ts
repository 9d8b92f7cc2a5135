import { jest } from '@jest/globals';
import {
  monotonicTimeOf,
  SessionClock,
  SystemSessionClock,
} from '../lib/ports/clock.js';
import { TestSessionClock } from '../lib/testing/index.js';

/** A clock of an application: only what the abstract class asks for. */
class OwnClock extends SessionClock {
  now = 1_000;

  override nowSeconds(): number {
    return this.now;
  }
}

describe('monotonic time', () => {
  afterEach(() => {
    jest.useRealTimers();
  });

  it('takes no notice when the clock of the machine is set (F-16)', () => {
    jest.useFakeTimers();
    const time = monotonicTimeOf(new SystemSessionClock());
    const begun = time();
    jest.advanceTimersByTime(2_500);
    jest.setSystemTime(Date.now() - 3_600_000);
    expect(time() - begun).toBeCloseTo(2.5, 3);
    jest.setSystemTime(Date.now() + 86_400_000);
    jest.advanceTimersByTime(500);
    expect(time() - begun).toBeCloseTo(3, 3);
  });

  it('moves with the clock of a test, and stands still when that goes back', () => {
    const clock = new TestSessionClock();
    const time = monotonicTimeOf(clock);
    const begun = time();
    clock.advance(10);
    clock.advance(-3_600);
    expect(time() - begun).toBe(10);
    clock.set(clock.nowSeconds() + 5);
    expect(time() - begun).toBe(15);
    clock.set(0);
    expect(time() - begun).toBe(15);
  });

  it('follows a clock that has none, forward only', () => {
    const clock = new OwnClock();
    const time = monotonicTimeOf(clock);
    const begun = time();
    clock.now += 7;
    expect(time() - begun).toBe(7);
    clock.now -= 3_600;
    expect(time() - begun).toBe(7);
    clock.now += 3;
    expect(time() - begun).toBe(10);
  });
});
