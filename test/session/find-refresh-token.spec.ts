import type { Refusal } from '../../lib/errors/refusal.js';
import {
  AMBIGUOUS_TOKEN,
  type Transport,
} from '../../lib/options/transport.js';
import { findRefreshToken } from '../../lib/session/find-refresh-token.js';
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

function find(transports: Transport[], sid?: string) {
  const verified: string[] = [];
  const found = findRefreshToken(
    transports,
    FACTS,
    (token) => {
      verified.push(token);
      return TOKENS[token] ?? 'malformed';
    },
    sid,
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
    expect(find(transports, sid).found).toEqual(expected);
  });

  it('is never a session token: only the place of refresh tokens is looked at', () => {
    expect(find([carrying(undefined), carrying('ada')]).verified).toEqual([
      'ada',
    ]);
  });

  it('stops at the first that is refused', () => {
    const { found, verified } = find([carrying('forged'), carrying('ada')]);
    expect(found).toBe('signature');
    expect(verified).toEqual(['forged']);
  });
});
