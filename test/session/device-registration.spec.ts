import type { DeviceJwk } from '../../lib/binding/device-key.js';
import type { BindingAnswer } from '../../lib/session/binding/binding-answers.js';
import { MemorySessionStore } from '../../lib/stores/memory-session-store.js';
import { claimsIn } from '../support/session-claims.js';
import { OTHER_SECRET } from '../support/secrets.js';
import {
  kinds,
  newDevice,
  openBound,
  PAIR,
  sentBy,
  toldBy,
  type Cookies,
  type Kind,
  type OpenedBound,
} from './bound-runtime.js';
import { refreshWith } from './session-runtime.js';

const REFUSED = { refused: 'unproven', clears: [] };
/** A session token alone is issued anew: the refresh token of a record stays. */
const BOUND = { bound: PAIR.slice(0, 1) };
const BOUND_SILENTLY = { bound: [] };

async function open(kind: Kind) {
  const opened = await openBound(kind);
  const tokens = await opened.signIn();
  const device = newDevice();
  const proof = device.proofOf(tokens.offer, { isRegistration: true });
  return { ...opened, tokens, device, proof };
}

function register(
  { binding }: OpenedBound,
  ...sent: Parameters<typeof sentBy>
) {
  return binding!.registration.register(sentBy(...sent));
}

function signedIn(answer: BindingAnswer) {
  if (answer.kind !== 'bound' || !answer.signed) throw new Error(answer.kind);
  return answer.signed;
}

describe('a registration', () => {
  it.each<[string, (keyof Cookies)[], object, object]>([
    ['both cookies', ['session', 'refresh'], { bound: PAIR }, BOUND],
    ['the refresh cookie alone', ['refresh'], REFUSED, BOUND_SILENTLY],
    ['the session cookie alone', ['session'], REFUSED, BOUND_SILENTLY],
    ['no cookies', [], REFUSED, BOUND_SILENTLY],
  ])('comes with %s', async (_case, names, stateless, recorded) => {
    for (const [kind, expected] of [
      ['stateless', stateless],
      ['recorded', recorded],
    ] as const) {
      const opened = await open(kind);
      const cookies = Object.fromEntries(
        names.map((name) => [name, opened.tokens[name]]),
      );
      const answer = await register(opened, cookies, opened.proof);
      expect([kind, toldBy(answer)]).toEqual([kind, expected]);
      const isBound = 'bound' in expected;
      expect(opened.heard).toMatchObject(
        isBound
          ? [{ type: 'bound', subject: 'ada' }]
          : [{ type: 'rejected', reason: 'unproven' }],
      );
      expect(opened.store?.takeCalls() ?? ['bind']).toEqual(['bind']);
    }
  });

  it.each(kinds)(
    'signs the same session again, with the key: %s',
    async (kind) => {
      const opened = await open(kind);
      const { tokens, proof, clock } = opened;
      clock.advance(100);
      const { token, refreshToken } = signedIn(
        await register(opened, tokens, proof),
      );
      const [before, after] = [tokens.session, token].map(claimsIn);
      expect(after).toEqual({
        ...before,
        jti: expect.any(String),
        iat: before!.iat + 100,
        cnf: { jkt: expect.stringMatching(/^[\w-]{43}$/) },
      });
      expect(after!.jti).not.toBe(before!.jti);
      if (kind === 'recorded') {
        expect(refreshToken).toBeUndefined();
        return;
      }
      const [former, refresh] = [tokens.refresh, refreshToken].map(claimsIn);
      expect(refresh).toEqual({
        ...former,
        jti: expect.any(String),
        cnf: {
          jwk: {
            kty: 'EC',
            crv: 'P-256',
            x: expect.any(String),
            y: expect.any(String),
          },
        },
      });
      const { jwk } = refresh!.cnf as unknown as { jwk: DeviceJwk };
      expect(Object.keys(jwk)).toEqual(['crv', 'kty', 'x', 'y']);
    },
  );

  it('gives no token of a session whose session token has ended', async () => {
    const opened = await open('recorded');
    opened.clock.set(claimsIn(opened.tokens.session).exp);
    // The offer has ended as well: another one, as reauthenticated() makes it.
    const link = { generation: 0, secretHash: 'x' };
    const { sid } = opened.tokens;
    const { deliveries } = opened.binding!.instructions.offer({
      sid,
      sub: 'ada',
      oiat: claimsIn(opened.tokens.session).oiat,
      link,
    });
    const { value } = deliveries[0] as { value: string };
    const challenge = /challenge="([^"]+)"/.exec(value)![1]!;
    const proof = newDevice().proofOf(challenge, { isRegistration: true });
    const answer = await register(opened, opened.tokens, proof);
    expect(toldBy(answer)).toEqual(BOUND_SILENTLY);
  });

  it.each<[Kind, object]>([
    ['stateless', REFUSED],
    ['recorded', BOUND_SILENTLY],
  ])(
    'gives no token to the session token of another session: %s',
    async (kind, expected) => {
      const opened = await open(kind);
      const { session } = await opened.signIn('bob');
      const { refresh } = opened.tokens;
      const answer = await register(opened, { session, refresh }, opened.proof);
      expect(toldBy(answer)).toEqual(expected);
    },
  );

  it.each(kinds)(
    'of the refresh cookie of another session is refused: %s',
    async (kind) => {
      const opened = await open(kind);
      const other = await opened.signIn('bob');
      expect(toldBy(await register(opened, other, opened.proof))).toEqual({
        refused: 'other-device',
        clears: [],
      });
      expect(opened.heard).toMatchObject([
        { type: 'boundRefused', reason: 'other-session', subject: 'ada' },
        { type: 'rejected', reason: 'other-device' },
      ]);
      expect(opened.store?.takeCalls() ?? []).toEqual([]);
    },
  );

  it.each<[string, string, string[]]>([
    ['malformed', 'x', PAIR],
    ['ambiguous', 'x; __Host-Http-session-refresh=y', PAIR],
  ])(
    'of a refresh cookie that is %s is refused',
    async (refusal, refresh, clears) => {
      for (const [kind] of kinds) {
        const opened = await open(kind);
        const answer = await register(opened, { refresh }, opened.proof);
        const told = toldBy(answer) as { clears: string[] };
        expect(told).toMatchObject({ refused: refusal });
        expect([...new Set(told.clears)]).toEqual(clears);
      }
    },
  );

  it('fails while the key of the refresh cookie is unknown, and the browser keeps it', async () => {
    const opened = await open('recorded');
    const elsewhere = await openBound('recorded', { secret: OTHER_SECRET });
    const foreign = await elsewhere.signIn();
    const answer = await register(opened, foreign, opened.proof);
    expect(toldBy(answer)).toEqual({ failed: 'KEYS_UNAVAILABLE' });
    expect(opened.store!.takeCalls()).toEqual([]);
  });

  it.each<
    [
      string,
      (of: Awaited<ReturnType<typeof open>>) => string | undefined,
      Record<string, string>,
      string,
    ]
  >([
    ['no proof', () => undefined, {}, 'unproven'],
    ['an unreadable proof', () => 'x', {}, 'unproven'],
    [
      'no key',
      ({ device, tokens }) => device.proofOf(tokens.offer),
      {},
      'unproven',
    ],
    [
      'the key of another device',
      ({ device, tokens, proof }) => {
        const other = newDevice().proofOf(tokens.offer, {
          isRegistration: true,
        });
        return [
          other.split('.')[0],
          ...device.proofOf(tokens.offer).split('.').slice(1),
          proof,
        ]
          .slice(0, 3)
          .join('.');
      },
      {},
      'unproven',
    ],
    [
      'the challenge of a refresh',
      ({ device, tokens, challengeFor }) =>
        device.proofOf(challengeFor(tokens.sid), { isRegistration: true }),
      {},
      'unproven',
    ],
    [
      'a proof from a page',
      ({ proof }) => proof,
      { origin: 'https://app.example' },
      'cross-site',
    ],
    [
      'a proof with fetch metadata',
      ({ proof }) => proof,
      { 'sec-fetch-site': 'none' },
      'cross-site',
    ],
  ])('with %s is refused', async (_case, proofOf, headers, refusal) => {
    for (const [kind] of kinds) {
      const opened = await open(kind);
      const sent = [opened.tokens, proofOf(opened), headers] as const;
      expect(toldBy(await register(opened, ...sent))).toEqual({
        refused: refusal,
        clears: [],
      });
      expect(opened.heard.map(({ type }) => type)).toEqual(['rejected']);
      expect(opened.store?.takeCalls() ?? []).toEqual([]);
    }
  });

  it.each<[number, boolean]>([
    [299, true],
    [300, false],
  ])('comes after %i s in time: %s', async (seconds, isInTime) => {
    const opened = await open('recorded');
    opened.clock.advance(seconds);
    const answer = await register(opened, {}, opened.proof);
    expect(toldBy(answer)).toEqual(isInTime ? BOUND_SILENTLY : REFUSED);
  });

  it('of a second key ends a session in its store', async () => {
    const opened = await open('recorded');
    const { tokens, proof } = opened;
    await register(opened, tokens, proof);
    expect(toldBy(await register(opened, tokens, proof))).toEqual(BOUND);
    opened.heard.length = 0;
    const second = newDevice().proofOf(tokens.offer, { isRegistration: true });
    expect(toldBy(await register(opened, tokens, second))).toEqual({
      ended: PAIR,
    });
    expect(opened.heard).toMatchObject([
      { type: 'boundRefused', reason: 'other-key' },
      { type: 'ended', reason: 'conflict' },
      { type: 'rejected', code: 'SESSION_ENDED' },
    ]);
    opened.store!.takeCalls();
    // This process knows it from now on.
    expect(toldBy(await register(opened, tokens, proof))).toEqual({
      ended: PAIR,
    });
    expect(opened.store!.takeCalls()).toEqual([]);
  });

  it('of a second key ends nothing that only tokens know', async () => {
    const opened = await open('stateless');
    const { tokens, proof } = opened;
    const { token, refreshToken } = signedIn(
      await register(opened, tokens, proof),
    );
    const bound = { session: token, refresh: refreshToken };
    opened.heard.length = 0;
    const second = newDevice().proofOf(tokens.offer, { isRegistration: true });
    expect(toldBy(await register(opened, bound, second))).toEqual({
      refused: 'other-device',
      clears: [],
    });
    expect(opened.heard).toMatchObject([
      { type: 'boundRefused', reason: 'other-key' },
      { type: 'rejected' },
    ]);
    expect(toldBy(await register(opened, bound, proof))).toEqual({
      bound: PAIR,
    });
  });

  it.each(kinds)(
    'of an ended session makes the browser forget it: %s',
    async (kind) => {
      const opened = await open(kind);
      const { tokens, proof, revocation } = opened;
      await revocation.end(tokens.signed.claims);
      expect(toldBy(await register(opened, tokens, proof))).toEqual({
        ended: PAIR,
      });
      // What the browser did not send needs no clearing.
      expect(toldBy(await register(opened, {}, proof))).toEqual({ ended: [] });
    },
  );

  it('of a session that another node has ended makes the browser forget it', async () => {
    const opened = await open('recorded');
    const { tokens, proof, store } = opened;
    await (store!.healthy as MemorySessionStore).end(tokens.sid, 'ada');
    expect(toldBy(await register(opened, tokens, proof))).toEqual({
      ended: PAIR,
    });
    expect(opened.heard).toMatchObject([
      { type: 'rejected', code: 'SESSION_UNKNOWN' },
    ]);
  });

  it('fails while the store is down, and succeeds later', async () => {
    const opened = await open('recorded');
    const { tokens, proof, store, heard } = opened;
    store!.fall('rejects');
    await expect(register(opened, tokens, proof)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
    expect(heard.map(({ type }) => type)).not.toContain('bound');
    store!.recover();
    expect(toldBy(await register(opened, tokens, proof))).toEqual(BOUND);
  });

  it('continues the chain of its own refresh token, although a thief has exchanged it', async () => {
    const opened = await open('recorded');
    const { tokens, proof } = opened;
    let stolen = tokens.refresh;
    // Twice, so that the former token is no retry.
    for (let i = 0; i < 2; i += 1) {
      const { result } = await refreshWith(opened, stolen);
      if (result.kind !== 'signed') throw new Error(result.kind);
      stolen = result.signed.refreshToken;
    }
    opened.clock.advance(60);
    expect(toldBy(await register(opened, tokens, proof))).toEqual(BOUND);
    const refreshed = await opened.binding!.refresh.refresh(
      sentBy(tokens, opened.device.proofOf(opened.challengeFor(tokens.sid))),
    );
    expect(toldBy(refreshed)).toEqual({ bound: PAIR });
    expect(opened.heard.map(({ type }) => type)).not.toContain('refreshReused');
  });
});
