import type { MemorySessionStore } from '../../lib/stores/memory-session-store.js';
import { transportTokens } from '../../lib/session/tokens/transport-tokens.js';
import { claimsIn, claimsOf, NOW, POLICY } from '../support/session-claims.js';
import {
  ACCESS,
  bind,
  kinds,
  newDevice,
  openBound,
  sentBy,
  toldBy,
  type Kind,
  type OpenedBound,
} from './bound-runtime.js';
import { HANDLING, refreshWith } from './session-runtime.js';

type Tokens = Awaited<ReturnType<typeof bind>>;

const source = { loads: 0 };

/** A bound session, refreshed by its device `rounds` times. */
async function open(kind: Kind, rounds: number, interval = ACCESS) {
  const opened = await openBound(
    kind,
    { dataRefreshInterval: interval },
    () => {
      source.loads += 1;
      return { version: source.loads };
    },
  );
  const device = newDevice();
  let tokens: Tokens = await bind(opened, await opened.signIn(), device);
  for (let i = 0; i < rounds; i += 1) {
    opened.clock.advance(ACCESS);
    const { sid, refresh } = tokens;
    const answer = await opened.binding!.refresh.refresh(
      sentBy({ refresh }, device.proofOf(opened.challengeFor(sid))),
    );
    if (answer.kind !== 'bound') throw new Error(answer.kind);
    const { token, refreshToken } = answer.signed!;
    tokens = { ...tokens, session: token, refresh: refreshToken };
  }
  opened.heard.length = source.loads = 0;
  opened.store?.takeCalls();
  return { ...opened, device, tokens };
}

const pageWith = ({ session, refresh }: Tokens) => ({
  ...sentBy({ session, refresh }),
  method: 'GET',
});

/** Makes the store forget the key, as one that is restored from a backup does. */
async function forgetKey({ store }: OpenedBound, { sid }: Tokens) {
  const memory = store!.healthy as MemorySessionStore;
  const read = memory.read.bind(memory);
  memory.read = async (...call) => {
    const record = await read(...call);
    const { deviceKey: _forgotten, ...rest } = record ?? {};
    return record && (rest as typeof record);
  };
  const { deviceKey } = (await read(sid, 'ada'))!;
  const rotate = memory.rotate.bind(memory);
  memory.rotate = (id, subject, presented, ...rest) =>
    rotate(id, subject, { ...presented, deviceKey: deviceKey! }, ...rest);
  expect(await memory.read(sid, 'ada')).not.toHaveProperty('deviceKey');
}

describe.each(kinds)('a bound session, %s', (kind) => {
  it('is refreshed by nothing but a proof, without asking for its record', async () => {
    const { tokens, store, ...opened } = await open(kind, 1);
    const { result } = await refreshWith(opened, tokens.refresh);
    expect(result).toEqual({ kind: 'rejected', refusal: 'unproven' });
    expect(store?.takeCalls() ?? []).toEqual([]);
    expect(source.loads).toBe(0);
  });

  it.each<[string, 'own' | 'other' | undefined, number, boolean]>([
    ['its own session token', 'own', 1, true],
    ['its own session token, which has expired', 'own', 0, false],
    ['the session token of another session', 'other', ACCESS / 2, false],
    ['no session token', undefined, ACCESS / 2, false],
  ])(
    'with a refresh token that the application passes, and %s in the request',
    async (_what, whose, secondsLeft, goesOn) => {
      const { tokens, ...opened } = await open(kind, 1);
      const other = await opened.signIn();
      const { exp } = claimsIn(tokens.session);
      opened.clock.advance(exp - opened.clock.nowSeconds() - secondsLeft);
      const session = { own: tokens, other, none: undefined }[whose ?? 'none'];
      const facts = sentBy({ session: session?.session });
      const { result } = await refreshWith(opened, tokens.refresh, { facts });
      expect(
        result.kind === 'signed'
          ? result.signed.token === tokens.session
          : result,
      ).toEqual(goesOn || { kind: 'rejected', refusal: 'unproven' });
      expect(opened.heard.map(({ type }) => type)).not.toContain('refreshed');
    },
  );

  it.each<[string, Record<string, string>, object, string[]]>([
    [
      'is refused, which is an event',
      {},
      { kind: 'rejected', refusal: 'unproven' },
      ['boundRefused', 'rejected'],
    ],
    [
      'is in an outage if the browser could not refresh it',
      { 'secure-session-skipped': 'unreachable' },
      { kind: 'unavailable' },
      [],
    ],
    [
      'is refused in a page that another site opened, which is loaded again',
      {
        'sec-fetch-mode': 'navigate',
        'sec-fetch-dest': 'document',
        'sec-fetch-site': 'cross-site',
      },
      { kind: 'rejected', refusal: 'unproven' },
      ['rejected'],
    ],
  ])(
    'whose token has expired %s',
    async (_title, headers, expected, events) => {
      const { tokens, authenticator, clock, heard } = await open(kind, 1);
      clock.advance(ACCESS);
      const page = pageWith(tokens);
      const outcome = await authenticator.authenticate(
        { ...page, headers: { ...page.headers, ...headers } },
        HANDLING,
      );
      expect(outcome).toMatchObject(expected);
      const { deliveries = [] } =
        ('dispatch' in outcome ? outcome.dispatch : undefined) ?? {};
      expect(deliveries.some(({ name }) => name === 'Refresh')).toBe(
        'sec-fetch-mode' in headers,
      );
      expect(heard.map(({ type }) => type)).toEqual(events);
    },
  );

  it('reloads data that is due where activity moves its idle end as well', async () => {
    const { tokens, authenticator, clock } = await open(kind, 1, 60);
    clock.advance(61);
    const outcome = await authenticator.authenticate(
      pageWith(tokens),
      HANDLING,
    );
    expect(outcome).toMatchObject({
      kind: 'authenticated',
      claims: { data: { version: 1 }, cnf: claimsIn(tokens.session).cnf },
    });
    expect(source.loads).toBe(1);
  });

  it('moves its idle end with activity, and exchanges nothing', async () => {
    const { tokens, authenticator, clock, heard } = await open(kind, 1);
    const { rexp } = claimsIn(tokens.session);
    clock.advance(10);
    const outcome = await authenticator.authenticate(
      pageWith(tokens),
      HANDLING,
    );
    expect(outcome).toMatchObject({
      kind: 'authenticated',
      claims: { rexp: rexp! + ACCESS + 10, cnf: expect.anything() },
    });
    expect(heard.map(({ type }) => type)).not.toContain('refreshed');
    expect(source.loads).toBe(0);
  });
});

describe('the cookie of a bound session', () => {
  const ageOf = (left: number, accessSeconds: number, isBound: boolean) =>
    transportTokens(
      {
        claims: claimsOf({
          exp: NOW + left,
          ...(isBound && { cnf: { jkt: 'x' } }),
        }),
        token: 'token',
        refresh: undefined,
        refreshToken: undefined,
      },
      undefined,
      { ...POLICY, accessSeconds },
      NOW,
    ).maxAgeSeconds;

  it.each([
    [300, 300, 290],
    [100, 100, 90],
    [99, 99, 90],
    [20, 20, 18],
    [9, 9, 9],
    // A token that is issued anew ends where the former one does.
    [12, 300, 2],
    [11, 300, 1],
    [10, 300, 1],
    [1, 300, 1],
  ])('with %i s left of %i s is kept for %i s', (left, access, age) => {
    expect(ageOf(left, access, true)).toBe(age);
    expect(ageOf(left, access, false)).toBe(left);
  });
});

describe('a bound session whose record has lost the key', () => {
  it('is not refreshed without a proof', async () => {
    const opened = await open('recorded', 1);
    await forgetKey(opened, opened.tokens);
    const { result } = await refreshWith(opened, opened.tokens.refresh);
    expect(result).toEqual({ kind: 'rejected', refusal: 'unproven' });
  });

  it('stays bound by its session token where its user proves again who they are', async () => {
    const opened = await open('recorded', 0);
    const { tokens, inspection, issuing, transports, heard } = opened;
    await forgetKey(opened, tokens);
    const session = await inspection.inspect(tokens.session);
    if (typeof session === 'string') throw new Error(session);
    const proved = await issuing!.reauthentication.reauthenticate(
      session,
      {},
      {
        facts: {
          ...sentBy(tokens, undefined, { 'sec-fetch-site': 'same-origin' }),
        },
        tokenInBody: undefined,
        carriers: transports.all,
        isPassive: false,
      },
    );
    expect(proved).toMatchObject({ isBound: true });
    expect(heard.map(({ type }) => type)).not.toContain('refreshed');
  });
});

describe('a bound session in a store that a thief was faster to refresh', () => {
  const thieve = async (opened: OpenedBound, token: string | undefined) => {
    let stolen = token;
    // Twice, so that the former token is no retry.
    for (let i = 0; i < 2; i += 1) {
      const { result } = await refreshWith(opened, stolen);
      if (result.kind !== 'signed') throw new Error(result.kind);
      stolen = result.signed.refreshToken;
    }
  };

  it.each([
    ['with its cookies', 0],
    ['with cookies that are newer than the offer', 1],
    ['without cookies', 0],
  ])('goes on where its device registers %s', async (how, exchanges) => {
    const opened = await openBound('recorded');
    const device = newDevice();
    const { offer, sid, ...rest } = await opened.signIn();
    let { refresh } = rest;
    for (let i = 0; i < exchanges; i += 1) {
      const { result } = await refreshWith(opened, refresh);
      if (result.kind !== 'signed') throw new Error(result.kind);
      refresh = result.signed.refreshToken;
    }
    await thieve(opened, refresh);
    const registered = await opened.binding!.registration.register(
      sentBy(
        how === 'without cookies' ? {} : { refresh },
        device.proofOf(offer, { isRegistration: true }),
      ),
    );
    expect(toldBy(registered)).toEqual({ bound: [] });
    const refreshed = await opened.binding!.refresh.refresh(
      sentBy({ refresh }, device.proofOf(opened.challengeFor(sid))),
    );
    expect(refreshed.kind).toBe('bound');
    const types = opened.heard.map(({ type }) => type);
    expect(types).not.toContain('refreshReused');
    expect(types).not.toContain('storeRolledBack');
  });
});
