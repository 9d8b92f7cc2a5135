import { SessionClock } from '../../lib/index.js';
import {
  createTestSession,
  TestSessionClock,
} from '../../lib/testing/index.js';
import { startTestApp } from '../support/test-app.js';

const START = Date.UTC(2030, 0, 1) / 1000;

describe('TestSessionClock', () => {
  it('is a SessionClock that stands still at the first second of 2030', () => {
    const clock = new TestSessionClock();
    expect(clock).toBeInstanceOf(SessionClock);
    expect(clock.nowSeconds()).toBe(START);
    expect(clock.nowSeconds()).toBe(START);
  });

  it.each<[string, Date | number, number]>([
    ['a Date', new Date('2031-05-06T07:08:09.999Z'), 1_935_817_689],
    ['seconds', 1_700_000_000, 1_700_000_000],
    ['fractions of a second', 1_700_000_000.9, 1_700_000_000],
  ])(
    'starts at %s, and is set to it, in whole seconds',
    (_what, instant, seconds) => {
      expect(new TestSessionClock(instant).nowSeconds()).toBe(seconds);
      const clock = new TestSessionClock();
      clock.set(instant);
      expect(clock.nowSeconds()).toBe(seconds);
    },
  );

  it.each<[number | string, number]>([
    [0, 0],
    [1, 1],
    [90, 90],
    [-60, -60],
    ['30s', 30],
    ['15m', 900],
    ['2 hours', 7_200],
    ['1.5h', 5_400],
    ['7d', 604_800],
    ['0s', 0],
  ])('advances by %p', (duration, seconds) => {
    const clock = new TestSessionClock();
    clock.advance(duration);
    expect(clock.nowSeconds()).toBe(START + seconds);
  });

  it('adds up what it is advanced by', () => {
    const clock = new TestSessionClock();
    clock.advance('1m');
    clock.advance(1);
    clock.advance('1h');
    expect(clock.nowSeconds()).toBe(START + 3_661);
  });

  it.each<[unknown]>([
    [NaN],
    [Infinity],
    [-Infinity],
    ['900'],
    ['-5m'],
    ['soon'],
    [''],
    ['5 parsecs'],
  ])('refuses %p, and stays where it is', (duration) => {
    const clock = new TestSessionClock();
    expect(() => clock.advance(duration as string)).toThrow(TypeError);
    expect(clock.nowSeconds()).toBe(START);
  });

  it.each<[string, () => unknown]>([
    ['an invalid Date at the start', () => new TestSessionClock(new Date(NaN))],
    ['NaN at the start', () => new TestSessionClock(NaN)],
    [
      'an invalid Date to be set',
      () => new TestSessionClock().set(new Date('')),
    ],
    ['Infinity to be set', () => new TestSessionClock().set(Infinity)],
  ])(
    'refuses %s: a clock that says NaN would never let a session end',
    (_what, make) => {
      expect(make).toThrow(TypeError);
    },
  );

  it('moves all of an application, whose sessions then reload and end', async () => {
    const app = await startTestApp('express');
    try {
      const { cookie } = await createTestSession(app.app, 'ada');
      const me = async () => {
        const { status, setCookie } = await app
          .browser()
          .get('/me', { Cookie: cookie });
        return [status, setCookie.length];
      };
      expect(await me()).toEqual([200, 0]);
      app.clock.advance('15m');
      expect(await me()).toEqual([200, 1]);
      app.clock.advance('7d');
      expect(await me()).toEqual([401, 1]);
    } finally {
      await app.close();
    }
  });
});
