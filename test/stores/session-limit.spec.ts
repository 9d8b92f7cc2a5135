import {
  whoMakesRoom,
  type LimitedSession,
} from '../../lib/stores/session-limit.js';

const NOW = 1_900_000_000_000;
const GRACE = 30;

/** A session that began so many seconds ago, by the kind of its use. */
function session(
  id: string,
  ago: number,
  changes: Partial<LimitedSession> = {},
): LimitedSession {
  return {
    id,
    createdAt: NOW - ago * 1000,
    generation: 0,
    hash: 'hash',
    usedAt: NOW,
    ...changes,
  };
}

const unused = (id: string, ago: number) => session(id, ago, { usedAt: null });

describe('whoMakesRoom', () => {
  it.each<
    [
      title: string,
      others: LimitedSession[],
      max: number,
      endOldest: readonly string[],
      refuse: readonly string[] | 'refused',
    ]
  >([
    ['no other session', [], 1, [], []],
    ['one below the limit', [session('a', 9)], 2, [], []],
    ['as many as may be', [session('a', 9)], 1, ['a'], 'refused'],
    [
      'more than may be, after the limit was lowered',
      [session('a', 9), session('b', 8), session('c', 7)],
      2,
      ['a', 'b'],
      'refused',
    ],
    [
      'a younger one that was never used',
      [session('a', 99), unused('b', GRACE)],
      2,
      ['b'],
      ['b'],
    ],
    [
      'one that was never used, within the time that its answer may take',
      [session('a', 99), unused('b', GRACE - 0.001)],
      2,
      ['a'],
      'refused',
    ],
    [
      'one that was never used and has no refresh token, so that nobody can tell',
      [session('a', 99), session('b', 90, { usedAt: null, hash: undefined })],
      2,
      ['a'],
      'refused',
    ],
    [
      'one whose first refresh token was used, and nothing since',
      [session('a', 99), session('b', 90, { usedAt: null, generation: 1 })],
      2,
      ['a'],
      'refused',
    ],
    [
      'one of an older version, of which that is not known',
      [session('a', 99), session('b', 90, { usedAt: undefined })],
      2,
      ['a'],
      'refused',
    ],
    [
      'more that were never used than must go: the oldest of them',
      [session('a', 99), unused('b', 90), unused('c', 80)],
      3,
      ['b'],
      ['b'],
    ],
    [
      'fewer that were never used than must go',
      [session('a', 99), unused('b', 90), session('c', 80)],
      2,
      ['b', 'a'],
      'refused',
    ],
  ])('of %s', (_title, others, max, endOldest, refuse) => {
    const limit = { max, graceSeconds: GRACE };
    expect(
      whoMakesRoom(others, { ...limit, policy: 'end-oldest' }, NOW),
    ).toEqual(endOldest);
    expect(whoMakesRoom(others, { ...limit, policy: 'refuse' }, NOW)).toEqual(
      refuse,
    );
  });

  it('takes every session for used where no grace time is given', () => {
    const others = [session('a', 99), unused('b', 90)];
    expect(whoMakesRoom(others, { max: 2, policy: 'end-oldest' }, NOW)).toEqual(
      ['a'],
    );
  });
});
