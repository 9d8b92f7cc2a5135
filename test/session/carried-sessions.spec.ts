import type { CurrentKeys } from '../../lib/keys/key-ring.js';
import {
  AMBIGUOUS_TOKEN,
  type Transport,
} from '../../lib/options/transport.js';
import { CarriedSessions } from '../../lib/session/carried-sessions.js';
import { SessionTransports } from '../../lib/session/session-transports.js';
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

function sessionsOf(transports: Transport[], bodyToken?: string) {
  return new CarriedSessions(
    new SessionTransports(transports),
    codec,
    refreshCodec,
  ).of({ headers: {} }, bodyToken);
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
    expect(await carried.of({ headers: {} }, refresh())).toEqual([]);
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
    expect(await carried.of({ headers: {} })).toEqual([named(ADA)]);
    expect(await carried.of({ headers: {} })).toEqual([named(ADA)]);
    expect(asked).toBe(1);
  });
});
