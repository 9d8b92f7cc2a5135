import type { Refusal } from '../../lib/errors/refusal.js';
import { AMBIGUOUS_TOKEN, type Transport } from '../../lib/ports/transport.js';
import { findRefreshToken } from '../../lib/session/request/find-refresh-token.js';
import type { RefreshClaims } from '../../lib/tokens/session-claims.js';
import { claimsOf } from '../support/session-claims.js';
import { refreshClaimsOf } from './codecs.js';

const ADA = refreshClaimsOf(claimsOf({ sub: 'ada' }), { gen: 1 });
/** An older token of the same session. */
const OLDER = { ...ADA, gen: 0, jti: 'C'.repeat(42) + 'E' };
const BOB = refreshClaimsOf(claimsOf({ sub: 'bob' }));

const TOKENS: Readonly<Record<string, RefreshClaims | Refusal>> = {
  ada: ADA,
  older: OLDER,
  bob: BOB,
  forged: 'signature',
  expired: 'claims',
  old: 'unknown-key',
};
const FACTS = { headers: {} };

type Read = string | typeof AMBIGUOUS_TOKEN | undefined;

/** A transport that finds a token, or has no place for refresh tokens at all. */
function carrying(token: Read | 'no place', ambient?: boolean): Transport {
  return {
    name: 'a transport',
    ...(ambient !== undefined && { ambient }),
    read: () => 'bob',
    ...(token !== 'no place' && { readRefresh: () => token }),
    write: () => [],
    clear: () => [],
  };
}

function find(
  transports: Transport[],
  sid?: string,
  others: readonly Transport[] = [],
) {
  const verified: string[] = [];
  const found = findRefreshToken(
    transports,
    FACTS,
    (token) => {
      verified.push(token);
      return TOKENS[token] ?? 'malformed';
    },
    sid === undefined ? undefined : { sid, carriers: () => others },
  );
  return { found, verified };
}

describe('the refresh token of a request', () => {
  it.each<[string, Transport[], string | undefined, unknown]>([
    ['none without transports', [], undefined, undefined],
    [
      'none where no transport has a place for one',
      [carrying('no place'), carrying('no place', false)],
      undefined,
      undefined,
    ],
    [
      'none where no transport brings one',
      [carrying(undefined), carrying(undefined, false)],
      ADA.sid,
      undefined,
    ],
    [
      'the one that a browser sent on its own',
      [carrying('ada', true)],
      undefined,
      { claims: ADA, isAmbient: true },
    ],
    [
      'ambient where the transport does not say that it is not',
      [carrying('ada')],
      undefined,
      { claims: ADA, isAmbient: true },
    ],
    [
      'not ambient where no browser sends it',
      [carrying('ada', false)],
      undefined,
      { claims: ADA, isAmbient: false },
    ],
    [
      'found behind transports that bring none',
      [carrying('no place'), carrying(undefined), carrying('ada', false)],
      undefined,
      { claims: ADA, isAmbient: false },
    ],
    [
      'one, where two transports bring the same, and ambient where either is',
      [carrying('ada', false), carrying('ada', true)],
      undefined,
      { claims: ADA, isAmbient: true },
    ],
    [
      'the first, where two of one session come',
      [carrying('older', true), carrying('ada', false)],
      undefined,
      { claims: OLDER, isAmbient: true },
    ],
    [
      'good with a session token of the same session',
      [carrying('ada', true)],
      ADA.sid,
      { claims: ADA, isAmbient: true },
    ],
    [
      'A-101: refused with a session token of another session',
      [carrying('ada', true)],
      BOB.sid,
      'conflict',
    ],
    [
      'A-101: refused with another one of another session',
      [carrying('ada', true), carrying('bob', false)],
      undefined,
      'conflict',
    ],
    [
      'A-101: refused so although the session token agrees with one of them',
      [carrying('ada', true), carrying('bob', false)],
      ADA.sid,
      'conflict',
    ],
    [
      'A-102: refused where one transport brings two',
      [carrying(AMBIGUOUS_TOKEN, true)],
      undefined,
      'ambiguous',
    ],
    [
      'A-102: refused so although another transport brings a good one',
      [carrying('ada', false), carrying(AMBIGUOUS_TOKEN, true)],
      undefined,
      'ambiguous',
    ],
    [
      'refused where a transport of the application returns no text',
      [carrying(5 as never)],
      undefined,
      'malformed',
    ],
    [
      'refused where it is null',
      [carrying(null as never)],
      undefined,
      'malformed',
    ],
    ['refused when it is forged', [carrying('forged')], undefined, 'signature'],
    [
      'refused for its key, which keeps the tokens of the client',
      [carrying('old')],
      undefined,
      'unknown-key',
    ],
    [
      'refused when a second one is forged',
      [carrying('ada'), carrying('forged', false)],
      undefined,
      'signature',
    ],
    ['refused when it is empty', [carrying('')], undefined, 'malformed'],
  ])('is %s', (_case, transports, sid, expected) => {
    const { found } = find(transports, sid);
    expect(found && 'refusal' in found ? found.refusal : found).toEqual(
      typeof expected === 'object'
        ? { ...expected, carriers: expect.any(Array) }
        : expected,
    );
  });

  describe('is carried', () => {
    const ada = carrying('ada', true);
    const header = carrying('ada', false);
    const bob = carrying('bob', true);
    const bobInHeader = carrying('bob', false);
    const forged = carrying('forged', true);
    const none = carrying(undefined);
    const { sid } = ADA;

    it.each<
      [
        what: string,
        transports: Transport[],
        known: [sid?: string, others?: Transport[]],
        carriers: Transport[],
      ]
    >([
      ['by the one that brings it', [none, ada], [], [ada]],
      ['by all that bring it', [ada, header], [sid], [ada, header]],
      ['by the one alone that brings a bad one', [ada, forged], [], [forged]],
      ['by both that browsers send, in conflict', [ada, bob], [], [ada, bob]],
      ['by none, in conflict with a header', [ada, bobInHeader], [], []],
      [
        'by none, in conflict where a header comes first',
        [header, bob],
        [],
        [],
      ],
      [
        'by those that browsers send, where a header agrees with one of them',
        [header, ada, bob],
        [],
        [ada, bob],
      ],
      ['by itself, in conflict with its session', [bob], [sid, [bob]], [bob]],
      [
        'by none, where a header brings the session',
        [bob],
        [sid, [header]],
        [],
      ],
      ['by none, where a header brings it', [bobInHeader], [sid, [ada]], []],
    ])('%s', (_what, transports, [known, others], carriers) => {
      expect(find(transports, known, others).found?.carriers).toEqual(carriers);
    });
  });

  it('is never a session token: only the place of refresh tokens is looked at', () => {
    expect(find([carrying(undefined), carrying('ada')]).verified).toEqual([
      'ada',
    ]);
  });

  it('stops at the first that is refused', () => {
    const { found, verified } = find([carrying('forged'), carrying('ada')]);
    expect(found).toMatchObject({ refusal: 'signature' });
    expect(verified).toEqual(['forged']);
  });
});
