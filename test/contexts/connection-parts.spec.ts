import { EventEmitter } from 'node:events';
import {
  closeClient,
  whenClosed,
} from '../../lib/nest/contexts/client-socket.js';
import { handshakeFacts } from '../../lib/nest/contexts/handshake.js';
import type { Refusal } from '../../lib/errors/refusal.js';
import { SessionError } from '../../lib/errors/session-error.js';
import {
  connectionTimesOf,
  keptUntil,
  type Liveness,
} from '../../lib/session/connections/connection-times.js';
import { endOfHandshake } from '../../lib/session/connections/handshake-end.js';
import type { ClockPolicy } from '../../lib/session/model/freshness.js';
import type { SessionClaims } from '../../lib/tokens/session-claims.js';

const T = 1_000_000;
const policy: ClockPolicy = {
  intervalSeconds: 900,
  idleSeconds: 10_000,
  absoluteSeconds: 50_000,
  maxStaleSeconds: 1000,
  toleranceSeconds: 5,
  accessSeconds: undefined,
};
const claims = {
  sid: 'a',
  iat: T,
  lat: T,
  oiat: T,
  exp: T + 10_000,
} as SessionClaims;

describe('connectionTimesOf', () => {
  const ALL = { hasLoader: true, hasStore: true };
  const LOADER = { hasLoader: true, hasStore: false };
  const NONE = { hasLoader: false, hasStore: false };

  it.each<
    [
      string,
      Partial<SessionClaims>,
      Partial<Liveness>,
      typeof ALL,
      ReturnType<typeof connectionTimesOf>,
      Partial<ClockPolicy>?,
    ]
  >([
    [
      'with a loader: checked when its data is due, until its idle end',
      {},
      {},
      LOADER,
      { checkAt: T + 900, endsAt: T + 10_000, end: 'uncertain' },
    ],
    [
      'activity moves the idle end',
      {},
      { usedAt: T + 5000 },
      LOADER,
      { checkAt: T + 900, endsAt: T + 15_000, end: 'uncertain' },
    ],
    [
      'so does what this process knows from elsewhere',
      {},
      { knownIdleEnd: T + 12_000, usedAt: T },
      LOADER,
      { checkAt: T + 900, endsAt: T + 12_000, end: 'uncertain' },
    ],
    [
      'never past the absolute end',
      {},
      { usedAt: T + 45_000, knownIdleEnd: T + 90_000 },
      LOADER,
      { checkAt: T + 900, endsAt: T + 50_000, end: 'ended' },
    ],
    [
      'with a store the record knows the idle end',
      {},
      {},
      ALL,
      { checkAt: T + 900, endsAt: T + 50_000, end: 'ended' },
    ],
    [
      'and is asked at the idle end at the latest',
      { lat: T + 9_500 },
      { checkedAt: T + 9_500 },
      { hasLoader: false, hasStore: true },
      { checkAt: T + 10_000, endsAt: T + 50_000, end: 'ended' },
    ],
    [
      'and often enough to hear of activity in time',
      { exp: T + 400 },
      { checkedAt: T },
      ALL,
      { checkAt: T + 100, endsAt: T + 50_000, end: 'ended' },
      { idleSeconds: 200, intervalSeconds: 150 },
    ],
    [
      'without loader and store the token decides',
      { exp: T + 600 },
      { usedAt: T + 500, knownIdleEnd: T + 9000 },
      NONE,
      { checkAt: T + 600, endsAt: T + 600, end: 'uncertain' },
    ],
    [
      'with refresh tokens the claim of the idle end does',
      { exp: T + 900, rexp: T + 8000 },
      {},
      LOADER,
      { checkAt: T + 900, endsAt: T + 8000, end: 'uncertain' },
      { accessSeconds: 900 },
    ],
    [
      'with refresh tokens of older versions the issue of the token',
      { exp: T + 900 },
      {},
      LOADER,
      { checkAt: T + 900, endsAt: T + 10_000, end: 'uncertain' },
      { accessSeconds: 900 },
    ],
    [
      'a check that brought nothing is repeated after 5 s',
      {},
      { checkedAt: T + 2000 },
      LOADER,
      { checkAt: T + 2005, endsAt: T + 10_000, end: 'uncertain' },
    ],
  ])(
    '%s',
    (_what, changes, liveness, sources, expected, ...[policyChanges]) => {
      expect(
        connectionTimesOf(
          { ...claims, ...changes },
          { usedAt: undefined, knownIdleEnd: 0, checkedAt: T, ...liveness },
          (changes.lat ?? T) + 900,
          { ...policy, ...policyChanges },
          sources,
        ),
      ).toEqual(expected);
    },
  );
});

describe('keptUntil', () => {
  it.each([
    [0, {}, T + 1900],
    [1, {}, T + 1800],
    [0.5, {}, T + 1850],
    [1, { int: 100 }, T + 1000],
  ])('cuts off up to a tenth of maxStale: %d', (spread, changes, expected) => {
    const own = { ...claims, ...changes };
    expect(keptUntil(T, own, policy, spread)).toBe(expected);
  });
});

describe('endOfHandshake', () => {
  const rejected = (refusal: Refusal) =>
    ({ kind: 'rejected', refusal, dispatch: undefined }) as const;

  it.each<[string, Parameters<typeof endOfHandshake>[0], string, string]>([
    ['none', { kind: 'anonymous' }, 'ended', 'uncertain'],
    ['expired', rejected('expired'), 'ended', 'uncertain'],
    ['refresh-due', rejected('refresh-due'), 'ended', 'uncertain'],
    ['unknown-key', rejected('unknown-key'), 'ended', 'uncertain'],
    ['unproven', rejected('unproven'), 'ended', 'uncertain'],
    ['ended', rejected('ended'), 'ended', 'ended'],
    ['unknown', rejected('unknown'), 'ended', 'ended'],
    ['reused', rejected('reused'), 'ended', 'ended'],
    ['signature', rejected('signature'), 'ended', 'ended'],
    ['cross-site', rejected('cross-site'), 'ended', 'ended'],
    ['ambiguous', rejected('ambiguous'), 'ended', 'ended'],
    ['conflict', rejected('conflict'), 'ended', 'ended'],
    ['not-yet-valid', rejected('not-yet-valid'), 'uncertain', 'uncertain'],
    [
      'an outage',
      { kind: 'unavailable', error: new SessionError('STORE_UNAVAILABLE', '') },
      'uncertain',
      'uncertain',
    ],
  ])('%s', (_what, outcome, single, pair) => {
    expect(endOfHandshake(outcome, false)).toBe(single);
    expect(endOfHandshake(outcome, true)).toBe(pair);
  });
});

describe('handshakeFacts', () => {
  const header = { name: 'authorization', scheme: 'Bearer' };
  const linesOf = (
    given: Record<string, string>,
    params: unknown,
    names = header,
  ): string[] => {
    const { headers, rawHeaders = [] } = handshakeFacts(
      { headers: given },
      { params, tokenMember: 'token' },
      names,
    );
    expect(headers['upgrade']).toBe('websocket');
    expect(headers['origin']).toBe(given['origin']);
    return rawHeaders.flatMap((text, i) =>
      i % 2 === 1 && rawHeaders[i - 1]!.toLowerCase() === names.name
        ? [text]
        : [],
    );
  };

  it.each<[string, Record<string, string>, unknown, string[]]>([
    ['nothing', {}, undefined, []],
    ['a header alone', { authorization: 'Bearer a' }, {}, ['Bearer a']],
    ['another scheme alone', { authorization: 'Basic a' }, {}, ['Basic a']],
    ['a bare token', {}, { token: 'a' }, ['Bearer a']],
    ['a token with its scheme', {}, { token: 'bearer a' }, ['Bearer a']],
    ['connectionParams', {}, { Authorization: 'Bearer a' }, ['Bearer a']],
    ['another scheme', {}, { authorization: 'Basic a' }, []],
    ['a member without a scheme', {}, { authorization: 'a' }, []],
    [
      'the same token everywhere',
      { authorization: 'BEARER a' },
      { token: 'a', Authorization: 'Bearer a', authorization: 'bearer a' },
      ['Bearer a'],
    ],
    [
      'a proxy as well',
      { authorization: 'Basic p' },
      { token: 'a' },
      ['Bearer a'],
    ],
    [
      'two tokens',
      { authorization: 'Bearer b' },
      { token: 'a' },
      ['Bearer a', 'Bearer b'],
    ],
    [
      'two members',
      {},
      { token: 'a', authorization: 'Bearer b' },
      ['Bearer a', 'Bearer b'],
    ],
    ['no text', {}, { token: { a: 1 }, authorization: ['Bearer a'] }, []],
    ['a text', {}, 'Bearer a', []],
    ['nothing in it', {}, null, []],
    [
      'other headers',
      { origin: 'https://a.example' },
      { origin: 'https://b.example', Origin: 'https://b.example' },
      [],
    ],
  ])('reads %s', (_what, given, params, expected) => {
    expect(linesOf(given, params)).toEqual(expected);
  });

  it('reads a header without a scheme', () => {
    const names = { name: 'x-session', scheme: '' };
    expect(linesOf({}, { 'X-Session': 'a' }, names)).toEqual(['a']);
    expect(linesOf({}, { token: 'a' }, names)).toEqual(['a']);
  });

  it('keeps the headers that the client sent, whatever was copied over them', () => {
    const { headers } = handshakeFacts(
      {
        headers: { origin: 'https://ours.example', cookie: 'c=1' },
        rawHeaders: [
          'Origin',
          'https://evil.example',
          'Cookie',
          'a=1',
          'Cookie',
          'b=2',
        ],
      },
      undefined,
      header,
    );
    expect({ ...headers }).toEqual({
      origin: 'https://evil.example',
      cookie: 'a=1; b=2',
      upgrade: 'websocket',
    });
  });
});

describe('the clients of connections', () => {
  const calls: unknown[] = [];
  const note = (...call: unknown[]): void => void calls.push(call);
  const ws = () =>
    Object.assign(new EventEmitter(), {
      readyState: 1,
      close: (code: number, reason: string) => note(code, reason),
    });
  const socketIo = () =>
    Object.assign(new EventEmitter(), {
      disconnected: false,
      disconnect: (all: true) => note('disconnect', all),
      conn: Object.assign(new EventEmitter(), {
        readyState: 'open',
        close: () => note('transport'),
      }),
    });
  const tcp = () =>
    Object.assign(new EventEmitter(), {
      destroyed: false,
      destroy: () => note('destroy'),
    });

  beforeEach(() => {
    calls.length = 0;
  });

  it.each([
    ['ws', 'ended', ws, [4401, 'Unauthorized']],
    ['ws', 'uncertain', ws, [4410, 'Reconnect']],
    ['socket.io', 'ended', socketIo, ['disconnect', true]],
    ['socket.io', 'uncertain', socketIo, ['transport']],
    ['TCP', 'ended', tcp, ['destroy']],
    ['TCP', 'uncertain', tcp, ['destroy']],
  ] as const)('%s: %s', (_what, end, make, expected) => {
    closeClient(make(), end);
    expect(calls).toEqual([expected]);
  });

  it.each<[string, () => EventEmitter, (client: any) => void, boolean]>([
    ['ws, when it closes', ws, (client) => client.emit('close'), false],
    ['ws, closed before', ws, (client) => (client.readyState = 3), true],
    ['TCP, when it closes', tcp, (client) => client.emit('close'), false],
    ['TCP, closed before', tcp, (client) => (client.destroyed = true), true],
    [
      'socket.io, when it leaves',
      socketIo,
      (client) => client.emit('disconnect'),
      false,
    ],
    [
      'socket.io, gone before',
      socketIo,
      ({ conn }) => (conn.readyState = 'closed'),
      true,
    ],
  ])('are known to have gone: %s', (_what, make, leave, isBefore) => {
    const client = make();
    if (isBefore) leave(client);
    whenClosed(client as never, () => note('gone'));
    expect(calls).toHaveLength(isBefore ? 1 : 0);
    if (!isBefore) leave(client);
    expect(calls).toEqual([['gone']]);
  });

  it('a client of socket.io that has left its namespace goes with its transport', () => {
    const client = Object.assign(socketIo(), { disconnected: true });
    whenClosed(client, () => note('gone'));
    expect(calls).toEqual([]);
    client.conn.emit('close');
    expect(calls).toEqual([['gone']]);
  });
});
