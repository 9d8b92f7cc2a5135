import {
  handlingOf,
  mustAskStore,
  type RevocationCheck,
} from '../../lib/session/model/handling.js';

const BOTH = [false, true];
const ALL = BOTH.flatMap((canDeliver) =>
  BOTH.flatMap((asksStore) =>
    BOTH.map((isPassive) => ({ canDeliver, asksStore, isPassive })),
  ),
);

describe('how a request is handled', () => {
  it.each(ALL)('is one frozen value for %p', (handling) => {
    expect(handlingOf(handling)).toEqual(handling);
    expect(handlingOf(handling)).toBe(handlingOf({ ...handling }));
    expect(Object.isFrozen(handlingOf(handling))).toBe(true);
  });
});

describe('whether the store is queried', () => {
  it.each<
    [
      check: RevocationCheck | undefined,
      store: 'none' | 'reload' | 'always',
      asked: boolean,
    ]
  >([
    [undefined, 'none', false],
    [undefined, 'reload', false],
    [undefined, 'always', true],
    [false, 'always', true],
    [true, 'none', true],
    [true, 'reload', true],
    ['in-store', 'none', false],
    ['in-store', 'reload', true],
    ['in-store', 'always', true],
  ])('with the check %p and the store %s: %p', (check, kind, asked) => {
    const store =
      kind === 'none' ? undefined : { isAlwaysAsked: kind === 'always' };
    expect(mustAskStore(store as never, check)).toBe(asked);
  });
});
