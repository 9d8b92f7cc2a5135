import {
  authorize,
  type SessionPredicate,
} from '../../lib/session/authorization.js';
import type { AnySession } from '../../lib/session/model/active-session.js';

const session = { data: { roles: ['admin'] } } as unknown as AnySession;
const broken = new Error('broken');

/** Can be awaited without being a promise, like a query builder. */
const thenableOf = (then: unknown): object =>
  // oxlint-disable-next-line unicorn/no-thenable -- what is tested
  Object.defineProperty({}, 'then', { value: then });
const thenable = (value: unknown): object =>
  thenableOf((resolve: (value: unknown) => void) => resolve(value));
const brokenThenable = thenableOf(
  (_resolve: unknown, reject: (error: unknown) => void) => reject(broken),
);
const fails = (): never => {
  throw broken;
};

const AUTHORIZED = { kind: 'authorized' };
const FORBIDDEN = { kind: 'forbidden' };
const FAILED = { kind: 'failed', error: broken };
const unclear = (result: unknown) => ({ kind: 'unclear', result });

const SETTLED: [what: string, result: unknown, verdict: object][] = [
  ['true', true, AUTHORIZED],
  ['false', false, FORBIDDEN],
  ['undefined', undefined, FORBIDDEN],
  ['null', null, FORBIDDEN],
  ['0', 0, FORBIDDEN],
  ['an empty string', '', FORBIDDEN],
  ['1', 1, unclear(1)],
  ['a string', 'true', unclear('true')],
  ['an empty list', [], unclear([])],
  ['an empty object', {}, unclear({})],
  ['a boxed true', Object(true), unclear(Object(true))],
  ['a function', fails, unclear(fails)],
];

describe('the verdict of a predicate', () => {
  it.each(SETTLED)('that returns %s', (_what, result, verdict) => {
    expect(authorize(() => result, session)).toEqual(verdict);
  });

  it.each(SETTLED)(
    'that promises %s is awaited',
    async (_what, result, verdict) => {
      for (const promised of [
        Promise.resolve(result),
        Promise.resolve(Promise.resolve(result)),
        thenable(result),
        thenable(thenable(result)),
      ]) {
        const pending = authorize(() => promised, session);
        expect(pending).toBeInstanceOf(Promise);
        expect(await pending).toEqual(verdict);
      }
    },
  );

  it.each<[string, SessionPredicate]>([
    ['throws', fails],
    [
      'returns what throws when it is examined',
      () => new Proxy({}, { get: fails }),
    ],
  ])('that %s is the error, without a promise', (_what, predicate) => {
    expect(authorize(predicate, session)).toEqual(FAILED);
  });

  it.each<[string, SessionPredicate]>([
    ['rejects', async () => fails()],
    ['returns a thenable that rejects', () => brokenThenable],
    ['returns a thenable that throws', () => thenableOf(fails)],
  ])('that %s is the error', async (_what, predicate) => {
    expect(await authorize(predicate, session)).toEqual(FAILED);
  });

  it('is on the session that it receives', () => {
    const given: unknown[] = [];
    void authorize((...args: unknown[]) => given.push(args), session);
    expect(given).toEqual([[session]]);
  });
});
