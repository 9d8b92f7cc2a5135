import { REFUSALS, type Refusal } from '../../lib/errors/refusal.js';
import { SessionError } from '../../lib/errors/session-error.js';
import { resolveOptions } from '../../lib/options/resolve-options.js';
import type { Transport } from '../../lib/ports/transport.js';
import type { RequestFacts } from '../../lib/ports/request-facts.js';
import type { Dispatch } from '../../lib/session/model/dispatch.js';
import { unavailable } from '../../lib/session/model/session-outcome.js';
import { SessionTransports } from '../../lib/session/request/session-transports.js';
import { createTransports } from '../../lib/transports/create-transports.js';
import { SECRET } from '../support/secrets.js';

const transports = new SessionTransports(
  createTransports(
    resolveOptions({
      secret: SECRET,
      transport: ['cookie', 'header'],
      refreshToken: {},
    }),
  ),
);

const namesIn = (dispatch: Dispatch | undefined): string[] =>
  dispatch?.deliveries.map(({ name }) => name) ?? [];
const facts = (headers: RequestFacts['headers']): RequestFacts => ({ headers });
const SESSION = '__Host-Http-session=a';
const REFRESH = '__Host-Http-session-refresh=b';
const BEARER = 'Bearer a';

describe('the transports of a request with two kinds of tokens', () => {
  it.each<[string, RequestFacts, string[], string[]]>([
    ['nothing', facts({}), ['cookie'], []],
    ['a session cookie', facts({ cookie: SESSION }), ['cookie'], ['cookie']],
    ['a refresh cookie', facts({ cookie: REFRESH }), ['cookie'], ['cookie']],
    [
      'both cookies',
      facts({ cookie: `${SESSION}; ${REFRESH}` }),
      ['cookie'],
      ['cookie'],
    ],
    [
      'a bearer token',
      facts({ authorization: BEARER }),
      ['header'],
      ['header'],
    ],
    [
      'a bearer token and a refresh cookie',
      facts({ authorization: BEARER, cookie: REFRESH }),
      ['cookie', 'header'],
      ['cookie', 'header'],
    ],
    [
      'two refresh cookies, which nobody can read',
      facts({ authorization: BEARER, cookie: `${REFRESH}; ${REFRESH}` }),
      ['header'],
      ['cookie', 'header'],
    ],
  ])(
    'with %s: those that new tokens go to, and those that carry anything',
    (_case, request, carriers, carrying) => {
      const namesOf = (found: readonly { name: string }[]) =>
        found.map(({ name }) => name);
      expect(namesOf(transports.carriersOf(request))).toEqual(carriers);
      expect(namesOf(transports.carrying(request))).toEqual(carrying);
    },
  );

  it.each<[string, RequestFacts, string[]]>([
    ['a session cookie', facts({ cookie: SESSION }), ['cookie']],
    ['a bearer token', facts({ authorization: BEARER }), ['header']],
    [
      'both',
      facts({ authorization: BEARER, cookie: SESSION }),
      ['cookie', 'header'],
    ],
    [
      'a bearer token beside a refresh cookie, which may be of another session',
      facts({ authorization: BEARER, cookie: REFRESH }),
      ['header'],
    ],
    [
      'a refresh cookie, by which its session came',
      facts({ cookie: REFRESH }),
      ['cookie'],
    ],
  ])(
    'give new data to those that brought the session: %s',
    (_case, request, expected) => {
      const names = transports.bringersOf(request).map(({ name }) => name);
      expect(names).toEqual(expected);
    },
  );

  it('make the client forget both cookies, and the leftovers that a request shows', () => {
    const pair = ['__Host-Http-session', '__Host-Http-session-refresh'];
    const once = facts({ cookie: SESSION });
    const twice = facts({ cookie: `${SESSION}; ${SESSION}` });
    expect(namesIn(transports.clearing(undefined))).toEqual(pair);
    expect(namesIn(transports.clearing(once))).toEqual(pair);
    expect(namesIn(transports.clearing(twice))).toEqual([...pair, ...pair]);
    expect(namesIn(transports.clearingLeftovers(once))).toEqual([]);
    expect(namesIn(transports.clearingLeftovers(twice))).toEqual(pair);
    expect(transports.clearing(once).isCurrent()).toBe(true);
  });

  it.each<[Refusal, boolean]>([
    ['unknown', true],
    ['reused', true],
    ['expired', true],
    ['ended', true],
    ['conflict', true],
    ['ambiguous', true],
    ['signature', true],
    ['claims', true],
    ['header', true],
    ['malformed', true],
    ['params', true],
    ['refresh-due', false],
    ['unproven', false],
    ['other-device', false],
    ['unbound', true],
    ['stale', false],
    ['replaced', false],
    ['missing', false],
    ['unknown-key', false],
    ['newer-version', false],
    ['not-yet-valid', false],
    ['cross-site', false],
    ['csrf-header', false],
    ['csrf-token', false],
    ['context', false],
  ])(
    'cost a client that is refused for %s its tokens: %s',
    (refusal, clears) => {
      const { all } = transports;
      const request = facts({ cookie: SESSION });
      const rejected = transports.rejected(refusal, request, all);
      expect(rejected).toMatchObject({ kind: 'rejected', refusal });
      expect(namesIn(rejected.dispatch)).toEqual(
        clears ? ['__Host-Http-session', '__Host-Http-session-refresh'] : [],
      );
      expect(REFUSALS[refusal].clears).toBe(clears);
    },
  );

  it('name every refusal in that table', () => {
    expect(Object.keys(REFUSALS)).toHaveLength(25);
  });

  it('cost a client nothing that another transport carried', () => {
    const [cookie, header] = transports.all;
    const both = facts({ cookie: SESSION, authorization: BEARER });
    const clearedBy = (...carriers: Transport[]) =>
      namesIn(transports.rejected('signature', both, carriers).dispatch);
    expect(clearedBy()).toEqual([]);
    expect(clearedBy(header!)).toEqual([]);
    expect(clearedBy(cookie!)).toHaveLength(2);
    expect(clearedBy(header!, cookie!)).toHaveLength(2);
  });

  it('cost nobody anything where sessions are only checked', () => {
    const checking = new SessionTransports(transports.all, false);
    for (const refusal of Object.keys(REFUSALS) as Refusal[]) {
      const request = facts({ cookie: SESSION });
      const { dispatch } = checking.rejected(refusal, request, checking.all);
      expect(dispatch).toBeUndefined();
    }
    // A sign-out is no refusal.
    expect(namesIn(checking.clearing(undefined))).toHaveLength(2);
  });
});

describe('the outcome where something is down', () => {
  it.each([
    ['STORE_UNAVAILABLE', 'STORE_UNAVAILABLE'],
    ['LOADER_UNAVAILABLE', 'LOADER_UNAVAILABLE'],
    ['SESSION_TOO_LARGE', 'LOADER_UNAVAILABLE'],
    ['NOT_SERIALIZABLE', 'LOADER_UNAVAILABLE'],
  ] as const)('of %s is 503 under the code %s', (code, expected) => {
    const reason = new SessionError(code, 'why', { retryAfterSeconds: 4 });
    const { kind, error } = unavailable(reason);
    expect(kind).toBe('unavailable');
    expect(error).toMatchObject({
      code: expected,
      message: 'why',
      retryAfterSeconds: 4,
    });
    expect(error.cause).toBe(reason);
    expect(
      unavailable(new SessionError(code, 'why')).error.retryAfterSeconds,
    ).toBe(1);
  });
});
