import { SessionEndedError } from '../../lib/errors/session-error.js';
import { MemorySessionStore } from '../../lib/stores/memory-session-store.js';
import { claimsIn } from '../support/session-claims.js';
import { OTHER_SECRET } from '../support/secrets.js';
import {
  ACCESS,
  bind,
  kinds,
  newDevice,
  openBound,
  PAIR,
  sentBy,
  toldBy,
  type Kind,
} from './bound-runtime.js';

const source: { fault: Error | undefined; loads: number } = {
  fault: undefined,
  loads: 0,
};
beforeEach(() => {
  source.fault = undefined;
});

/** A bound session whose session token has ended, and a proof of its device. */
async function open(kind: Kind) {
  const opened = await openBound(kind, {}, () => {
    source.loads += 1;
    if (source.fault) throw source.fault;
    return {};
  });
  const device = newDevice();
  const tokens = await bind(opened, await opened.signIn(), device);
  const { binding, challengeFor, heard, store, clock } = opened;
  clock.advance(ACCESS);
  heard.length = source.loads = 0;
  store?.takeCalls();
  const refresh = async (...sent: Parameters<typeof sentBy>) =>
    binding!.refresh.refresh(sentBy(...sent));
  const proof = device.proofOf(challengeFor(tokens.sid));
  const { refresh: refreshToken, sid } = tokens;
  return {
    ...opened,
    device,
    tokens,
    refresh,
    proof,
    cookies: { refresh: refreshToken },
    sid,
  };
}

const calls = ({ store }: Awaited<ReturnType<typeof open>>) => [
  ...(store?.takeCalls() ?? []),
  ...Array.from({ length: source.loads }, () => 'load'),
];

describe.each(kinds)('the refresh of a bound session, %s', (kind) => {
  it('exchanges both tokens, which stay bound, and is no activity of the user', async () => {
    const { refresh, cookies, proof, heard, tokens, clock } = await open(kind);
    const answer = await refresh(cookies, proof);
    expect(toldBy(answer)).toEqual({ bound: PAIR });
    if (answer.kind !== 'bound') throw new Error();
    const { token, refreshToken } = answer.signed!;
    const [former, session] = [tokens.session, token].map(claimsIn);
    expect(session!.cnf).toEqual(former!.cnf);
    expect(session!.iat).toBe(clock.nowSeconds());
    expect(session!.rexp).toBe(former!.rexp);
    const [before, after] = [tokens.refresh, refreshToken].map(claimsIn);
    expect(after!.exp).toBe(before!.exp);
    expect(after!.cnf).toEqual(kind === 'recorded' ? former!.cnf : before!.cnf);
    expect(heard).toMatchObject([{ type: 'refreshed', repeated: false }]);
  });

  it('asks neither store nor loader without a good challenge', async () => {
    const opened = await open(kind);
    const { refresh, cookies, device, challengeFor, clock, proof } = opened;
    const other = await opened.signIn('bob');
    opened.store?.takeCalls();
    source.loads = 0;
    expect(toldBy(await refresh(cookies))).toBe('challenged');
    for (const challenge of [
      '',
      'x',
      other.offer,
      challengeFor(other.sid),
      (await opened.signIn()).offer,
    ]) {
      opened.store?.takeCalls();
      source.loads = 0;
      const sent = device.proofOf(challenge);
      expect(toldBy(await refresh(cookies, sent))).toBe('challenged');
      expect(calls(opened)).toEqual([]);
    }
    clock.advance(60);
    expect(toldBy(await refresh(cookies, proof))).toBe('challenged');
    expect(calls(opened)).toEqual([]);
    expect(opened.heard.filter(({ type }) => type === 'boundRefused')).toEqual(
      [],
    );
  });

  it('forgets a session without a refresh token', async () => {
    const { refresh, proof, tokens, heard } = await open(kind);
    for (const sent of [undefined, proof]) {
      expect(toldBy(await refresh({}, sent))).toEqual({ ended: [] });
      const { session } = tokens;
      expect(toldBy(await refresh({ session }, sent))).toEqual({ ended: [] });
    }
    expect(heard).toEqual([]);
  });

  it.each([
    ['malformed', 'x'],
    ['ambiguous', 'x; __Host-Http-session-refresh=y'],
  ])('is refused for a refresh cookie that is %s', async (refusal, cookie) => {
    const { refresh, proof } = await open(kind);
    const told = toldBy(await refresh({ refresh: cookie }, proof)) as {
      clears: string[];
    };
    expect(told).toMatchObject({ refused: refusal });
    expect([...new Set(told.clears)]).toEqual(PAIR);
  });

  it('fails while the key of the refresh cookie is unknown', async () => {
    const { refresh, proof } = await open(kind);
    const foreign = await (
      await openBound(kind, { secret: OTHER_SECRET })
    ).signIn();
    expect(toldBy(await refresh({ refresh: foreign.refresh }, proof))).toEqual({
      failed: 'KEYS_UNAVAILABLE',
    });
  });

  it('is refused for what is no proof of a refresh', async () => {
    const opened = await open(kind);
    const { refresh, cookies, device, challengeFor, sid } = opened;
    const challenge = challengeFor(sid);
    for (const sent of [
      'x',
      '',
      device.proofOf(challenge, { isRegistration: true }),
    ]) {
      expect(toldBy(await refresh(cookies, sent))).toEqual({
        refused: 'unproven',
        clears: [],
      });
    }
    expect(calls(opened)).toEqual([]);
  });

  it('is refused for a page, whatever else the request has', async () => {
    const opened = await open(kind);
    const { refresh, cookies, proof } = opened;
    for (const header of ['origin', 'sec-fetch-site', 'sec-fetch-mode']) {
      expect(toldBy(await refresh(cookies, proof, { [header]: 'x' }))).toEqual({
        refused: 'cross-site',
        clears: [],
      });
    }
    expect(calls(opened)).toEqual([]);
  });

  it('is refused with the key of another device, and clears nothing', async () => {
    const opened = await open(kind);
    const { refresh, cookies, challengeFor, sid, heard, proof } = opened;
    const other = newDevice().proofOf(challengeFor(sid));
    expect(toldBy(await refresh(cookies, other))).toEqual({
      refused: 'other-device',
      clears: [],
    });
    expect(heard).toMatchObject([
      { type: 'boundRefused', reason: 'other-key', subject: 'ada' },
      { type: 'rejected', reason: 'other-device' },
    ]);
    expect(calls(opened)).toEqual(kind === 'recorded' ? ['read'] : []);
    expect(toldBy(await refresh(cookies, proof))).toEqual({ bound: PAIR });
  });

  it('is refused for a session that is not bound, by any key', async () => {
    const opened = await open(kind);
    const { sid, refresh: token } = await opened.signIn('bob');
    const proof = opened.device.proofOf(opened.challengeFor(sid));
    expect(toldBy(await opened.refresh({ refresh: token }, proof))).toEqual({
      refused: 'other-device',
      clears: [],
    });
    expect(opened.heard).toMatchObject([
      { type: 'boundRefused', reason: 'other-key', subject: 'bob' },
      { type: 'rejected' },
    ]);
  });

  it('is repeated for the same proof, in parallel and later', async () => {
    const { refresh, cookies, proof, clock, heard } = await open(kind);
    const answers = await Promise.all([
      refresh(cookies, proof),
      refresh(cookies, proof),
    ]);
    expect(source.loads).toBe(1);
    clock.advance(30);
    answers.push(await refresh(cookies, proof));
    expect(answers.map(toldBy)).toEqual(answers.map(() => ({ bound: PAIR })));
    expect(heard.map(({ type }) => type)).toEqual(['refreshed', 'refreshed']);
  });

  it('gives its result to no request that comes in parallel without a proof, or with another', async () => {
    const { refresh, cookies, proof, device, issuing, challengeFor, sid } =
      await open(kind);
    const other = newDevice().proofOf(challengeFor(sid));
    const [, without, refused] = await Promise.all([
      refresh(cookies, proof),
      issuing!.refresh.refresh({
        token: cookies.refresh,
        tokenInBody: undefined,
        facts: undefined,
        crossSite: undefined,
        isPassive: true,
      }),
      refresh(cookies, other),
    ]);
    expect(without.result).toEqual({ kind: 'rejected', refusal: 'unproven' });
    expect(toldBy(refused)).toMatchObject({ refused: 'other-device' });
    expect(device.isBound).toBe(false);
  });

  it('fails while the loader is down, and succeeds later', async () => {
    const { refresh, cookies, device, challengeFor, sid, clock } =
      await open(kind);
    source.fault = new Error('down');
    const attempt = async () =>
      toldBy(await refresh(cookies, device.proofOf(challengeFor(sid))));
    expect(await attempt()).toEqual({ failed: 'LOADER_UNAVAILABLE' });
    source.fault = undefined;
    clock.advance(30);
    expect(await attempt()).toEqual({ bound: PAIR });
  });

  it('makes the browser forget a session that the loader or the application has ended', async () => {
    const { refresh, cookies, proof, heard } = await open(kind);
    source.fault = new SessionEndedError('gone');
    expect(toldBy(await refresh(cookies, proof))).toEqual({ ended: PAIR });
    expect(heard.at(-1)).toMatchObject({ code: 'SESSION_ENDED' });
    source.fault = undefined;
    const other = await open(kind);
    await other.revocation.end(other.tokens.signed.claims);
    expect(toldBy(await other.refresh(other.cookies, other.proof))).toEqual({
      ended: PAIR,
    });
  });
});

describe('the refresh of a bound session in a store', () => {
  it.each([['read'], ['rotate']] as const)(
    'fails while the store is down, and succeeds later: %s',
    async (operation) => {
      const { refresh, cookies, proof, store } = await open('recorded');
      store!.fall('rejects', operation);
      expect(toldBy(await refresh(cookies, proof))).toEqual({
        failed: 'STORE_UNAVAILABLE',
      });
      store!.recover();
      expect(toldBy(await refresh(cookies, proof))).toEqual({ bound: PAIR });
    },
  );

  it('makes the browser forget a session that another node has ended', async () => {
    const { refresh, cookies, proof, store, sid } = await open('recorded');
    await (store!.healthy as MemorySessionStore).end(sid, 'ada');
    expect(toldBy(await refresh(cookies, proof))).toEqual({ ended: PAIR });
  });

  it('ends a session whose refresh token is reused, proof or not', async () => {
    const opened = await open('recorded');
    const { refresh, device, challengeFor, sid, heard, cookies } = opened;
    let next = cookies.refresh;
    const proven = (token: string | undefined) =>
      refresh({ refresh: token }, device.proofOf(challengeFor(sid)));
    for (let i = 0; i < 2; i += 1) {
      const answer = await proven(next);
      if (answer.kind !== 'bound') throw new Error(answer.kind);
      next = answer.signed!.refreshToken;
    }
    expect(toldBy(await proven(cookies.refresh))).toEqual({ ended: PAIR });
    expect(heard.slice(2)).toMatchObject([
      { type: 'refreshReused' },
      { type: 'ended', reason: 'reused' },
      { type: 'rejected', code: 'REFRESH_REUSED' },
    ]);
  });
});
