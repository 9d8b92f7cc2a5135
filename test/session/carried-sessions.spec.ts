import { jest } from '@jest/globals';
import type { CurrentKeys } from '../../lib/keys/key-ring.js';
import { AMBIGUOUS_TOKEN, type Transport } from '../../lib/ports/transport.js';
import { CarriedSessions } from '../../lib/session/request/carried-sessions.js';
import { SessionTransports } from '../../lib/session/request/session-transports.js';
import { claimsOf, NOW } from '../support/session-claims.js';
import { OTHER_SECRET, SECRET } from '../support/secrets.js';
import { secretKeys } from '../support/token-keys.js';
import { createCodecs, refreshClaimsOf, sessionCodecWith } from './codecs.js';

const { codec, refreshCodec } = createCodecs();
const forger = createCodecs({}, OTHER_SECRET);

const ADA = claimsOf({ sub: 'ada' });
const BOB = claimsOf({ sub: 'bob' });
const EVE = claimsOf({ sub: 'eve' });
const EXPIRED = claimsOf({
  sub: 'old',
  iat: 1_000,
  exp: 2_000,
  oiat: 500,
  lat: 600,
  auth_time: 500,
});

const session = (claims = ADA) => codec.sign(claims);
const refresh = (claims = ADA) => refreshCodec.sign(refreshClaimsOf(claims));
const named = ({ sid, sub }: typeof ADA) => ({ sid, sub });

type Carried = string | typeof AMBIGUOUS_TOKEN | undefined | null;

function carrying(token: Carried, refreshToken?: Carried): Transport {
  return {
    name: 'a transport',
    read: () => token as string,
    ...(refreshToken !== undefined && {
      readRefresh: () => refreshToken as string,
    }),
    write: () => [],
    clear: () => [],
  };
}

function carriedBy(transports: Transport[]): CarriedSessions {
  return new CarriedSessions(
    new SessionTransports(transports),
    codec,
    refreshCodec,
  );
}

async function sessionsOf(transports: Transport[], bodyToken?: string) {
  const found = await carriedBy(transports).of({ headers: {} }, bodyToken);
  return found.sessions;
}

/** A transport that can read every token, as that of cookies. */
function carryingAll(
  tokens: readonly string[],
  refreshTokens: readonly string[] = [],
): Transport {
  const one = (all: readonly string[]) =>
    all.length > 1 ? AMBIGUOUS_TOKEN : all[0];
  return {
    ...carrying(one(tokens), one(refreshTokens)),
    readAll: () => tokens,
    readAllRefresh: () => refreshTokens,
  };
}

describe('the sessions that a request carries', () => {
  it.each<[string, Transport[], string | undefined, (typeof ADA)[]]>([
    ['are none without a token', [carrying(undefined)], undefined, []],
    ['are that of its session token', [carrying(session())], undefined, [ADA]],
    [
      'are that of its refresh token, where the session token is gone',
      [carrying(undefined, refresh())],
      undefined,
      [ADA],
    ],
    [
      'are that of a refresh token in the body',
      [carrying(undefined)],
      refresh(),
      [ADA],
    ],
    [
      'are one, where all tokens are of one session',
      [carrying(session(), refresh()), carrying(session())],
      refresh(),
      [ADA],
    ],
    [
      'are all of them, where they differ',
      [carrying(session(ADA), refresh(BOB))],
      refresh(EVE),
      [ADA, BOB, EVE],
    ],
    [
      'are all of those that several transports bring',
      [carrying(session(BOB)), carrying(session(ADA))],
      undefined,
      [BOB, ADA],
    ],
    [
      'are those of expired tokens too: such a session may be ended',
      [
        carrying(
          session(EXPIRED),
          refreshCodec.sign(refreshClaimsOf(BOB, { exp: NOW + 1 })),
        ),
      ],
      undefined,
      [EXPIRED, BOB],
    ],
    [
      'V-28: are not those of a forged token of either kind',
      [
        carrying(
          forger.codec.sign(ADA),
          forger.refreshCodec.sign(refreshClaimsOf(ADA)),
        ),
      ],
      forger.refreshCodec.sign(refreshClaimsOf(BOB)),
      [],
    ],
    [
      'are the good ones beside a forged one',
      [carrying(forger.codec.sign(BOB), refresh(ADA))],
      undefined,
      [ADA],
    ],
    [
      'A-073: are not those of tokens in the place of the other kind',
      [carrying(refresh(), session())],
      session(),
      [],
    ],
    [
      'are none where two cookies of one name leave it open',
      [carrying(AMBIGUOUS_TOKEN, AMBIGUOUS_TOKEN)],
      undefined,
      [],
    ],
    ['are none where there is no text', [carrying(null, null)], undefined, []],
    ['are none where there is no token in it', [carrying('', 'x.y.z')], '', []],
  ])('%s', async (_case, transports, bodyToken, expected) => {
    expect(await sessionsOf(transports, bodyToken)).toEqual(
      expected.map(named),
    );
  });

  it('are told by id and subject, without anything else of the token', async () => {
    const [found] = await sessionsOf([carrying(session())]);
    expect(Object.keys(found!)).toEqual(['sid', 'sub']);
  });

  it('are not those of refresh tokens where the module has none', async () => {
    const carried = new CarriedSessions(
      new SessionTransports([carrying(undefined, refresh())]),
      codec,
      undefined,
    );
    expect(await carried.of({ headers: {} }, refresh())).toEqual({
      sessions: [],
      isComplete: true,
    });
  });

  it('are found when their key is one that has to be asked for first', async () => {
    let asked = 0;
    const keys: CurrentKeys = {
      get current() {
        return secretKeys(asked > 0 ? SECRET : OTHER_SECRET);
      },
      ready: () => undefined,
      learn() {
        asked += 1;
        return Promise.resolve();
      },
    };
    const carried = new CarriedSessions(
      new SessionTransports([carrying(session())]),
      sessionCodecWith(keys),
      undefined,
    );
    expect((await carried.of({ headers: {} })).sessions).toEqual([named(ADA)]);
    expect((await carried.of({ headers: {} })).sessions).toEqual([named(ADA)]);
    expect(asked).toBe(1);
  });
});

describe('the sessions of several tokens of one name', () => {
  /** With the name of our key, and a signature that is not of it. */
  const forged = (i: number) => {
    const [header, payload] = session(claimsOf({ sub: `nobody-${i}` })).split(
      '.',
    );
    return [header, payload, 'A'.repeat(43)].join('.');
  };

  it.each<
    [
      what: string,
      transports: Transport[],
      bodyToken: string | undefined,
      expected: (typeof ADA)[],
      isComplete: boolean,
    ]
  >([
    [
      'are all that are authentic, wherever they stand',
      [carryingAll([forged(1), session(BOB), 'x', session(ADA)])],
      undefined,
      [BOB, ADA],
      true,
    ],
    [
      'are those of both kinds',
      [carryingAll([session(ADA), forged(1)], [refresh(BOB), refresh(EVE)])],
      undefined,
      [ADA, BOB, EVE],
      true,
    ],
    [
      'are those of several transports and of the body',
      [carryingAll([session(ADA), forged(1)]), carrying(session(BOB))],
      refresh(EVE),
      [ADA, BOB, EVE],
      true,
    ],
    [
      'are one, where a cookie is repeated more often than we check',
      [carryingAll(Array.from({ length: 500 }, () => session(ADA)))],
      undefined,
      [ADA],
      true,
    ],
    [
      'are those of the first 16, and that there are more is known',
      [
        carryingAll([
          ...Array.from({ length: 15 }, (_, i) => forged(i)),
          session(ADA),
          session(BOB),
        ]),
      ],
      undefined,
      [ADA],
      false,
    ],
    [
      'are open where a transport cannot read them',
      [carrying(AMBIGUOUS_TOKEN), carrying(session(ADA))],
      undefined,
      [ADA],
      false,
    ],
    [
      'are decided where nothing is ours',
      [carryingAll([forged(1), forged(2), ''])],
      'x',
      [],
      true,
    ],
  ])('%s', async (_what, transports, bodyToken, expected, isComplete) => {
    const carried = carriedBy(transports);
    expect(await carried.of({ headers: {} }, bodyToken)).toEqual({
      sessions: expected.map(named),
      isComplete,
    });
  });

  it('cost at most 16 signatures, however many are planted', async () => {
    const verify = jest.spyOn(codec, 'verify');
    const planted = Array.from({ length: 300 }, (_, i) => `planted.${i}.x`);
    const carried = new CarriedSessions(
      new SessionTransports([carryingAll(planted, planted)]),
      codec,
      undefined,
    );
    const found = await carried.of({ headers: {} });
    const { length } = verify.mock.calls;
    verify.mockRestore();
    expect(found).toEqual({ sessions: [], isComplete: false });
    expect(length).toBe(16);
  });

  it('are open where the key of a token is unknown', async () => {
    const keys: CurrentKeys = {
      current: secretKeys(OTHER_SECRET),
      ready: () => undefined,
      learn: () => undefined,
    };
    const carried = new CarriedSessions(
      new SessionTransports([carrying(session())]),
      sessionCodecWith(keys),
      undefined,
    );
    expect(await carried.of({ headers: {} })).toEqual({
      sessions: [],
      isComplete: false,
    });
  });
});

describe('the transports that carry a session', () => {
  const FACTS = { headers: {} };
  const cookie = carrying(session(ADA), refresh(ADA));
  const mixed = carrying(session(ADA), refresh(BOB));
  const other = carrying(session(BOB));
  const header = { ...carrying(session(ADA)), ambient: false };
  const otherHeader = { ...carrying(session(BOB)), ambient: false };
  const forged = carrying(forger.codec.sign(ADA));
  const ambiguous = carryingAll([session(ADA), session(BOB)]);

  it.each<[what: string, transports: Transport[], carriers: Transport[]]>([
    ['none', [carrying(undefined), other], []],
    ['all of them', [cookie, header, other], [cookie, header]],
    [
      'by its refresh token too',
      [carrying(undefined, refresh(ADA))],
      [0 as never],
    ],
    ['but not those of forged or doubled tokens', [forged, ambiguous], []],
  ])('are %s', (_what, transports, carriers) => {
    const found = carriedBy(transports).carriersOf(FACTS, ADA.sid);
    expect(found).toEqual(carriers.map((each) => each || transports[0]));
  });

  it.each<
    [
      what: string,
      transports: Transport[],
      bodyToken: string | undefined,
      carriers: Transport[] | undefined,
    ]
  >([
    ['no conflict: one session', [cookie, header], refresh(ADA), undefined],
    ['no conflict: a forged token', [cookie, forged], undefined, undefined],
    ['no conflict: doubled tokens', [cookie, ambiguous], undefined, undefined],
    ['both cookies of one transport', [mixed], undefined, [mixed]],
    [
      'those that browsers send',
      [cookie, other, header],
      undefined,
      [cookie, other],
    ],
    ['none for a header', [cookie, otherHeader], undefined, []],
    ['none for two headers', [header, otherHeader], undefined, []],
    ['none for the body', [cookie], refresh(BOB), []],
    ['the cookies that differ, with the body', [mixed], refresh(EVE), [mixed]],
  ])(
    'lose their tokens where sessions differ: %s',
    async (_what, transports, bodyToken, carriers) => {
      const found = await carriedBy(transports).conflictOf(FACTS, bodyToken);
      expect(found).toEqual(carriers);
    },
  );
});
