import { StoreClock } from '../../lib/stores/store-clock.js';

const TIMEOUT = 250;
/** What the clock of the store shows when ours shows 0. */
const AHEAD = 1_900_000_000_000;

/** A clock of a store that is known by answers only. */
function open() {
  let now = 0;
  const clock = new StoreClock(() => now);
  return {
    clock,
    advance: (milliseconds: number) => (now += milliseconds),
    /** An answer to a question, so many milliseconds on its way in each direction. */
    answer(there: number, back: number, ahead = AHEAD) {
      const sentAt = clock.instant;
      now += there;
      const asOf = new Date(Math.floor(now + ahead));
      now += back;
      clock.note(asOf, sentAt);
    },
    /** For how long, by the true clock of the store, a call that is sent now may write. */
    left(wait = TIMEOUT, ahead = AHEAD) {
      const { notAfter } = clock.deadlineIn(wait, TIMEOUT);
      return notAfter && notAfter.getTime() - (now + ahead);
    },
  };
}

describe('the clock of a store', () => {
  it('is not known before its first answer, and sets no deadline', () => {
    const { clock } = open();
    expect(clock.isKnown).toBe(false);
    expect(clock.deadlineIn(TIMEOUT, TIMEOUT)).toEqual({});
  });

  it.each([
    [0, 0, 250],
    [40, 0, 250],
    // The answer was older when it arrived: the deadline comes earlier, never later.
    [0, 40, 210],
    [30, 60, 190],
  ])(
    'sets a deadline that no caller outlives: %i ms there, %i ms back',
    (there, back, expected) => {
      const { answer, left } = open();
      answer(there, back);
      expect(left()).toBe(expected);
    },
  );

  it('learns from the fastest answer of late', () => {
    const { answer, left, advance } = open();
    answer(5, 100);
    expect(left()).toBe(150);
    answer(5, 3);
    expect(left()).toBe(247);
    answer(5, 200);
    expect(left()).toBe(247);
    advance(20_000);
    answer(5, 80);
    expect(left()).toBe(247);
  });

  it('forgets what was true a minute ago, since two clocks drift apart', () => {
    const { clock, answer, left, advance } = open();
    answer(5, 3);
    advance(31_000);
    answer(5, 90);
    expect(left()).toBe(247);
    advance(31_000);
    answer(5, 90);
    expect(left()).toBe(160);
    advance(60_001);
    expect(clock.isKnown).toBe(false);
  });

  it('takes a clock that was set forward as it is now, so that no call is refused for long', () => {
    const { answer, left } = open();
    answer(5, 3);
    const set = AHEAD + 3_600_000;
    answer(5, 10, set);
    expect(left(TIMEOUT, set)).toBe(240);
  });

  it('takes a clock that was set back as it is now, and lets no call wait for the hour to pass', () => {
    const { clock, answer, left } = open();
    answer(5, 3);
    const set = AHEAD - 3_600_000;
    // Until an answer tells, the call may not write: its bounds lie an hour ahead.
    const { notBefore } = clock.deadlineIn(TIMEOUT, TIMEOUT);
    expect(notBefore!.getTime()).toBeGreaterThan(clock.instant + set);
    answer(5, 10, set);
    expect(left(TIMEOUT, set)).toBe(240);
  });

  it('sets the beginning of a deadline two times the longest call before its end', () => {
    const { clock, answer } = open();
    answer(0, 0);
    const { notBefore, notAfter } = clock.deadlineIn(100, TIMEOUT);
    expect(notAfter!.getTime() - notBefore!.getTime()).toBe(2 * TIMEOUT);
  });
});
