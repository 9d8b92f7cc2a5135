import {
  absoluteEndOf,
  assessFreshness,
  endOfSessionTokenIssuedAt,
  endOfSessionUsedAt,
  endOfToken,
  intervalOf,
  lifetimeOf,
  timesOf,
  validFrom,
  type ClockPolicy,
} from '../../lib/session/model/freshness.js';
import type { SessionClaims } from '../../lib/tokens/session-claims.js';
import { printFigures } from '../support/figures.js';
import {
  claimsOf,
  DAY,
  HOUR,
  MINUTE,
  newSessionId,
  NOW,
  POLICY,
} from '../support/session-claims.js';

describe('assessFreshness', () => {
  const times = { validFrom: 100, dueAt: 200, staleUntil: 300, endsAt: 400 };

  it.each([
    [0, 'not-yet-valid'],
    [99, 'not-yet-valid'],
    [100, 'fresh'],
    [101, 'fresh'],
    [199, 'fresh'],
    [200, 'due'],
    [201, 'due'],
    [299, 'due'],
    [300, 'due'],
    [301, 'due'],
    [399, 'due'],
    [400, 'expired'],
    [401, 'expired'],
  ] as const)('at second %i says %s', (now, expected) => {
    expect(assessFreshness(times, now)).toBe(expected);
  });

  it.each([
    [199, 'fresh'],
    [200, 'due'],
  ] as const)(
    'judges whole seconds against a point of reload between two of them: at %i %s',
    (now, expected) => {
      expect(assessFreshness({ ...times, dueAt: 199.4 }, now)).toBe(expected);
    },
  );

  it('calls a token expired that has ended before it became valid', () => {
    expect(assessFreshness({ ...times, validFrom: 500 }, 450)).toBe('expired');
  });

  it('lets a session end that ends before its data is due', () => {
    expect(assessFreshness({ ...times, dueAt: 900 }, 400)).toBe('expired');
  });
});

describe('timesOf', () => {
  const timesWith = (
    claims: Parameters<typeof claimsOf>[0],
    policy: Partial<ClockPolicy> = {},
  ) => timesOf(claimsOf(claims), { ...POLICY, ...policy });

  it.each([
    ['its iat', {}, {}, NOW - 5],
    ['a later nbf', { nbf: NOW + 60 }, {}, NOW + 55],
    ['its iat when nbf is earlier', { nbf: NOW - 60 }, {}, NOW - 5],
    ['a tolerance of none', {}, { toleranceSeconds: 0 }, NOW],
    ['a tolerance of a minute', {}, { toleranceSeconds: 60 }, NOW - 60],
  ])('makes a token valid from %s on', (_name, claims, policy, expected) => {
    expect(timesWith(claims, policy).validFrom).toBe(expected);
  });

  it.each([
    ['its exp', {}, {}, NOW + 7 * DAY],
    [
      'its absolute end when exp is later',
      { oiat: NOW - 29 * DAY },
      {},
      NOW + DAY,
    ],
    [
      'an absolute lifetime shortened after it was issued',
      { oiat: NOW - HOUR },
      { absoluteSeconds: 2 * HOUR },
      NOW + HOUR,
    ],
    [
      'its exp when the absolute lifetime was lengthened',
      { exp: NOW + HOUR },
      { absoluteSeconds: 400 * DAY },
      NOW + HOUR,
    ],
    ['its own shorter absolute lifetime', { abs: HOUR }, {}, NOW + HOUR],
    [
      'the configured absolute lifetime when its own is longer',
      { abs: 90 * DAY, exp: NOW + 90 * DAY },
      {},
      NOW + 30 * DAY,
    ],
    [
      'its exp, whatever its own idle time',
      { idl: HOUR, exp: NOW + DAY },
      {},
      NOW + DAY,
    ],
  ])('ends a session at %s', (_name, claims, policy, expected) => {
    expect(timesWith(claims, policy).endsAt).toBe(expected);
  });

  it.each<[string, Partial<SessionClaims>, Partial<ClockPolicy>, number]>([
    ['an interval after its last use', {}, {}, NOW + 15 * MINUTE],
    [
      'an interval of its own',
      { int: MINUTE, idl: HOUR, exp: NOW + HOUR },
      {},
      NOW + MINUTE,
    ],
    [
      'never when the absolute end holds its idle end',
      { oiat: NOW - 29 * DAY, exp: NOW + DAY },
      {},
      Infinity,
    ],
    [
      'never in a pair of 0.1, whose session token does not say it',
      { exp: NOW + 600 },
      { accessSeconds: 900 },
      Infinity,
    ],
    [
      'an interval after the last use of the pair',
      { exp: NOW + 600, rexp: NOW + 7 * DAY },
      { accessSeconds: 900 },
      NOW + 15 * MINUTE,
    ],
    [
      'the life of its session tokens, where that is longer',
      { exp: NOW + 600, rexp: NOW + 7 * DAY },
      { accessSeconds: HOUR },
      NOW + HOUR,
    ],
    [
      'an interval, where it has ended before its session token has',
      { idl: HOUR, exp: NOW + HOUR, rexp: NOW + HOUR },
      { accessSeconds: HOUR },
      NOW + 15 * MINUTE,
    ],
    [
      'at once, where the idle time was lengthened',
      { exp: NOW + DAY },
      {},
      NOW - 6 * DAY + 15 * MINUTE,
    ],
  ])(
    'lets activity move the idle end from then on: %s',
    (_name, claims, policy, expected) => {
      expect(timesWith(claims, policy).extendAt).toBe(expected);
    },
  );

  it.each([
    ['a configured one', {}, {}, NOW + 30 * MINUTE],
    ['one of 0', {}, { maxStaleSeconds: 0 }, NOW + 15 * MINUTE],
    ['a shorter interval of the session', { int: 60 }, {}, NOW + 16 * MINUTE],
    ['a longer interval of the session', { int: DAY }, {}, NOW + 30 * MINUTE],
    [
      'an interval shortened after it was issued',
      {},
      { intervalSeconds: 60 },
      NOW + 16 * MINUTE,
    ],
  ])(
    'counts maxStale from the unshortened interval: %s',
    (_name, claims, policy, expected) => {
      expect(timesWith(claims, policy).staleUntil).toBe(expected);
    },
  );

  it.each([
    [900, {}],
    [60, { int: 60 }],
    [900, { int: 1_000 }],
  ])(
    'makes every session due between 90 and 100 %% of an interval of %i s',
    (interval, claims) => {
      for (let i = 0; i < 2_000; i += 1) {
        const age = timesWith(claims).dueAt - NOW;
        expect(age).toBeGreaterThanOrEqual(0.9 * interval);
        expect(age).toBeLessThanOrEqual(interval);
      }
    },
  );

  it('takes the same part off for the same session, whatever is loaded and wherever', () => {
    for (let i = 0; i < 500; i += 1) {
      const sid = newSessionId();
      const first = timesWith({ sid }).dueAt - NOW;
      const later = timesWith({ sid, sub: 'bob', lat: NOW + 5_000 });
      expect(later.dueAt - NOW - 5_000).toBeCloseTo(first, 5);
      const half = timesWith({ sid }, { intervalSeconds: 450 }).dueAt - NOW;
      expect(half).toBe(Math.ceil(first / 2));
    }
  });

  it('F-21: spreads 10,000 sessions of one second so that no second has more than 3 times the mean', () => {
    const loads = new Map<number, number>();
    for (let i = 0; i < 10_000; i += 1) {
      const second = Math.ceil(timesWith({}).dueAt);
      loads.set(second, (loads.get(second) ?? 0) + 1);
    }
    const peak = Math.max(...loads.values());
    const mean = 10_000 / (0.1 * POLICY.intervalSeconds);
    printFigures(
      'F-21',
      `10,000 sessions of one second reload in ${loads.size} seconds, peak ${peak}/s, mean ${mean.toFixed(0)}/s`,
    );
    expect(loads.size).toBeGreaterThan(80);
    expect(peak).toBeLessThanOrEqual(3 * mean);
  });
});

describe('endOfSessionUsedAt', () => {
  it.each([
    ['idle time from now', NOW + HOUR, {}, NOW + HOUR + 7 * DAY],
    ['its own shorter idle time from now', NOW, { idl: HOUR }, NOW + HOUR],
    [
      'the configured idle time when its own is longer',
      NOW,
      { idl: 20 * DAY },
      NOW + 7 * DAY,
    ],
    ['the last idle time that fits', NOW + 23 * DAY, {}, NOW + 30 * DAY],
    [
      'the absolute end, one second after that',
      NOW + 23 * DAY + 1,
      {},
      NOW + 30 * DAY,
    ],
    [
      'the absolute end of the session itself',
      NOW + HOUR,
      { abs: DAY },
      NOW + DAY,
    ],
    [
      'the configured absolute end when its own is later',
      NOW + 29 * DAY,
      { abs: 90 * DAY },
      NOW + 30 * DAY,
    ],
  ])('is %s', (_name, now, claims, expected) => {
    expect(endOfSessionUsedAt(now, { oiat: NOW, ...claims }, POLICY)).toBe(
      expected,
    );
  });

  it('moves with the present and never past the absolute end', () => {
    let previous = 0;
    for (let now = NOW; now < NOW + 30 * DAY; now += 7 * HOUR) {
      const end = endOfSessionUsedAt(now, { oiat: NOW }, POLICY);
      expect(end).toBeGreaterThanOrEqual(previous);
      expect(end).toBeLessThanOrEqual(absoluteEndOf({ oiat: NOW }, POLICY));
      previous = end;
    }
    expect(previous).toBe(NOW + 30 * DAY);
  });
});

describe('absoluteEndOf', () => {
  it.each([
    ['as configured', {}, 30 * DAY],
    ['as the session has it, when that is shorter', { abs: DAY }, DAY],
    ['as configured, when that is shorter', { abs: 31 * DAY }, 30 * DAY],
  ])('counts from the sign-in, %s', (_name, claims, lifetime) => {
    expect(absoluteEndOf({ oiat: NOW, ...claims }, POLICY)).toBe(
      NOW + lifetime,
    );
  });
});

describe('with refresh tokens', () => {
  const ACCESS = { ...POLICY, accessSeconds: 15 * MINUTE };

  it('no part is taken off the point of reload', () => {
    for (let i = 0; i < 500; i += 1) {
      const claims = claimsOf({ lat: NOW - i });
      expect(timesOf(claims, ACCESS).dueAt).toBe(NOW - i + 15 * MINUTE);
    }
    const short = claimsOf({ int: 60 });
    expect(timesOf(short, ACCESS).dueAt).toBe(NOW + 60);
  });

  it('all other times are the same as without', () => {
    const claims = claimsOf({ abs: DAY, nbf: NOW + 60 });
    const { dueAt: _due, ...without } = timesOf(claims, POLICY);
    const { dueAt: _, ...others } = timesOf(claims, ACCESS);
    expect(others).toEqual(without);
  });

  it('F-21: the end of session tokens is spread over the last tenth of their lifetime, in whole seconds', () => {
    const ends = new Map<number, number>();
    for (let i = 0; i < 10_000; i += 1) {
      const end = endOfSessionTokenIssuedAt(NOW, claimsOf(), ACCESS) - NOW;
      ends.set(end, (ends.get(end) ?? 0) + 1);
    }
    const seconds = [...ends.keys()];
    expect(seconds.every((second) => Number.isInteger(second))).toBe(true);
    expect(Math.min(...seconds)).toBeGreaterThanOrEqual(810);
    expect(Math.max(...seconds)).toBeLessThanOrEqual(900);
    const peak = Math.max(...ends.values());
    const mean = 10_000 / 90;
    printFigures(
      'F-21',
      `10,000 session tokens of one second end in ${ends.size} seconds, peak ${peak}/s, mean ${mean.toFixed(0)}/s`,
    );
    expect(ends.size).toBeGreaterThan(80);
    expect(peak).toBeLessThanOrEqual(3 * mean);
  });

  it('the same session has the same part taken off, whenever its token is issued', () => {
    for (let i = 0; i < 200; i += 1) {
      const claims = claimsOf();
      const first = endOfSessionTokenIssuedAt(NOW, claims, ACCESS) - NOW;
      for (const later of [1, HOUR, DAY]) {
        expect(
          endOfSessionTokenIssuedAt(NOW + later, claims, ACCESS) - NOW - later,
        ).toBe(first);
      }
    }
  });

  it.each([1, 2, 9, 10, 60])(
    'a session token of %i s ends after it was issued and never later than that',
    (accessSeconds) => {
      for (let i = 0; i < 200; i += 1) {
        const policy = { ...POLICY, accessSeconds };
        const end = endOfSessionTokenIssuedAt(NOW, claimsOf(), policy) - NOW;
        expect(end).toBeGreaterThanOrEqual(Math.ceil(0.9 * accessSeconds));
        expect(end).toBeGreaterThanOrEqual(1);
        expect(end).toBeLessThanOrEqual(accessSeconds);
      }
    },
  );

  it.each<[string, number, object, number]>([
    ['its own idle end', NOW, { idl: 60 }, NOW + 60],
    ['its own absolute end', NOW + 50, { abs: 60 }, NOW + 60],
    ['the absolute end as configured', NOW + 30 * DAY - 10, {}, NOW + 30 * DAY],
    [
      'a longer idle time of its own, which is none',
      NOW + 30 * DAY - 10,
      { idl: 90 * DAY, abs: 90 * DAY },
      NOW + 30 * DAY,
    ],
  ])(
    'no session token outlives its session: it ends at %s (S-054)',
    (_case, now, claims, expected) => {
      for (let i = 0; i < 100; i += 1) {
        expect(endOfSessionTokenIssuedAt(now, claimsOf(claims), ACCESS)).toBe(
          expected,
        );
      }
    },
  );

  it('a session token that is issued now ends with its session where there are none', () => {
    for (const now of [NOW, NOW + HOUR, NOW + 29 * DAY]) {
      const claims = claimsOf();
      expect(endOfSessionTokenIssuedAt(now, claims, POLICY)).toBe(
        endOfSessionUsedAt(now, claims, POLICY),
      );
    }
  });
});

describe('validFrom', () => {
  it.each([
    [{ iat: NOW }, 5, NOW - 5],
    [{ iat: NOW, nbf: NOW + 60 }, 5, NOW + 55],
    [{ iat: NOW, nbf: NOW - 60 }, 5, NOW - 5],
    [{ iat: NOW, nbf: NOW }, 0, NOW],
    [{ iat: NOW }, 60, NOW - 60],
  ])('of %j with a tolerance of %i s is %i', (claims, toleranceSeconds, at) => {
    expect(validFrom(claims, { ...POLICY, toleranceSeconds })).toBe(at);
  });
});

describe('endOfToken', () => {
  it.each([
    ['its exp', { exp: NOW + DAY }, {}, NOW + DAY],
    ['the absolute end', { exp: NOW + 40 * DAY }, {}, NOW + 30 * DAY],
    ['its own absolute end', { exp: NOW + DAY, abs: HOUR }, {}, NOW + HOUR],
    [
      'the absolute end as configured now, shortened since it was issued',
      { exp: NOW + DAY },
      { absoluteSeconds: 60 },
      NOW + 60,
    ],
    [
      'its exp, although the absolute lifetime was lengthened',
      { exp: NOW + DAY },
      { absoluteSeconds: 400 * DAY },
      NOW + DAY,
    ],
    [
      'its exp, whatever the idle time is now',
      { exp: NOW + DAY },
      { idleSeconds: 60 },
      NOW + DAY,
    ],
  ])('is %s', (_case, claims, policy, expected) => {
    expect(endOfToken({ oiat: NOW, ...claims }, { ...POLICY, ...policy })).toBe(
      expected,
    );
  });
});

describe('lifetimeOf', () => {
  it.each([
    [{}, 7 * DAY, 30 * DAY],
    [{ idl: HOUR }, HOUR, 30 * DAY],
    [{ abs: DAY }, 7 * DAY, DAY],
    [{ idl: HOUR, abs: DAY }, HOUR, DAY],
    [{ idl: 8 * DAY, abs: 31 * DAY }, 7 * DAY, 30 * DAY],
  ])('of %j only shortens what is configured', (claims, idle, absolute) => {
    expect(lifetimeOf(claims, POLICY)).toEqual({
      idleSeconds: idle,
      absoluteSeconds: absolute,
    });
  });
});

describe('intervalOf', () => {
  it.each([
    [{}, 15 * MINUTE],
    [{ int: 60 }, 60],
    [{ int: HOUR }, 15 * MINUTE],
  ])('of %j only shortens what is configured', (claims, expected) => {
    expect(intervalOf(claims, POLICY)).toBe(expected);
  });
});
