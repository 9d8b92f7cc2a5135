import { SessionConfigError } from '../../lib/errors/session-config-error.js';
import type { SecretInput } from '../../lib/options/option-groups.js';
import type { SessionJwtModuleOptions } from '../../lib/options/session-jwt-module-options.js';
import type { RequestFacts } from '../../lib/ports/request-facts.js';
import type { Transport } from '../../lib/ports/transport.js';
import type { VerifiedSession } from '../../lib/session/model/verified-session.js';
import type { Refreshed } from '../../lib/session/session-refresh.js';
import { MemorySessionStore } from '../../lib/stores/memory-session-store.js';
import { createGate, turn } from '../support/asynchrony.js';
import { OTHER_SECRET, SECRET } from '../support/secrets.js';
import { claimsIn, DAY, NOW } from '../support/session-claims.js';
import { Vault } from '../support/vault.js';
import {
  factsOf,
  HANDLING,
  openRuntime,
  refreshWith,
  withCookie,
  type OpenedRuntime,
} from './session-runtime.js';

/** A transport of an application: the refresh token is in the address. */
const QUERY: Transport = {
  name: 'query',
  ambient: false,
  read: () => undefined,
  readRefresh: ({ url }) =>
    new URL(url!, 'https://app.example').searchParams.get('refresh') ??
    undefined,
  write: () => [],
  clear: () => [],
};

const EVIL = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };

interface Tokens {
  readonly session?: string;
  readonly refresh?: string;
}

/** The facts of a request whose cookies carry these tokens. */
function withCookies(
  { session, refresh }: Tokens,
  rest: Partial<RequestFacts> = {},
): RequestFacts {
  const cookie = [
    ...(session ? [`__Host-Http-session=${session}`] : []),
    ...(refresh ? [`__Host-Http-session-refresh=${refresh}`] : []),
  ].join('; ');
  return factsOf({ cookie }, rest);
}

async function open(
  options: Partial<SessionJwtModuleOptions> = {},
  load: () => unknown = () => ({ id: 'ada' }),
) {
  const runtime = await openRuntime({ refreshToken: {}, ...options }, load);
  return { ...runtime, ...(await signIn(runtime)) };
}

async function signIn({ issuing }: OpenedRuntime) {
  const { session, token, refreshToken } = await issuing!.issuer.generate(
    'ada',
    {},
    undefined,
  );
  return { session, tokens: { session: token, refresh: refreshToken! } };
}

const namesOf = (transports: readonly Transport[]) =>
  transports.map(({ name }) => name);

/** The result of a refresh in short: its kind or refusal, where tokens go and where the refresh token came from. */
function inShort({ result, carriers, presentedBy }: Refreshed) {
  return [
    result.kind === 'rejected' ? result.refusal : result.kind,
    namesOf(carriers),
    namesOf(presentedBy),
  ];
}

describe('a refresh', () => {
  it('is a fault of the configuration without the option', async () => {
    const runtime = await openRuntime();
    const refused = refreshWith(runtime, 'a token');
    await expect(refused).rejects.toBeInstanceOf(SessionConfigError);
    await expect(refused).rejects.toThrow(
      'refresh: expected the option refreshToken, got none; set it',
    );
  });

  it('returns the tokens to the transport that carried the refresh token', async () => {
    const runtime = await open({ transport: ['header', 'cookie', QUERY] });
    const { tokens } = runtime;
    const facts = withCookies(tokens);
    expect(inShort(await refreshWith(runtime, undefined, { facts }))).toEqual([
      'signed',
      ['cookie'],
      ['cookie'],
    ]);
  });

  it('returns them to every transport that carried one', async () => {
    const runtime = await open({ transport: ['header', 'cookie', QUERY] });
    const { tokens } = runtime;
    const facts = withCookies(tokens, { url: `/?refresh=${tokens.refresh}` });
    expect(inShort(await refreshWith(runtime, undefined, { facts }))).toEqual([
      'signed',
      ['cookie', 'query'],
      ['cookie', 'query'],
    ]);
  });

  it.each<[SessionJwtModuleOptions['transport'], string]>([
    [['cookie', 'header'], 'header'],
    [['cookie', QUERY, 'header'], 'query'],
    ['header', 'header'],
    ['cookie', 'cookie'],
  ])(
    'with %j returns the tokens for a given one by %s',
    async (transport, name) => {
      const runtime = await open({ transport: transport! });
      const { refresh } = runtime.tokens;
      const expected = ['signed', [name], []];
      expect(inShort(await refreshWith(runtime, refresh))).toEqual(expected);
      const inBody = { tokenInBody: refresh, facts: factsOf() };
      expect(inShort(await refreshWith(runtime, undefined, inBody))).toEqual(
        expected,
      );
    },
  );

  it('passes on whether the request is passive', async () => {
    const runtime = await open();
    runtime.clock.advance(60);
    const exp = async (isPassive: boolean) => {
      const { result } = await refreshWith(runtime, runtime.tokens.refresh, {
        isPassive,
      });
      return result.kind === 'signed'
        ? claimsIn(result.signed.refreshToken).exp
        : result;
    };
    expect(await exp(true)).toBe(NOW + 7 * DAY);
    expect(await exp(false)).toBe(NOW + 60 + 7 * DAY);
  });
});

describe('the refresh token', () => {
  it('that the application passes is used, whatever the request carries', async () => {
    const runtime = await open({ transport: ['cookie', 'header'] });
    const other = await signIn(runtime);
    const facts = withCookies(other.tokens);
    const refreshed = await refreshWith(runtime, runtime.tokens.refresh, {
      facts,
    });
    expect(inShort(refreshed)).toEqual(['signed', ['header'], []]);
    expect(refreshed.result).toMatchObject({
      signed: {
        session: { claims: { sid: runtime.session.claims.sid } },
      },
    });
  });

  it('that the application passes may come from a cookie that it read itself', async () => {
    const runtime = await open({ transport: ['cookie', 'header', QUERY] });
    const { refresh } = runtime.tokens;
    const facts = withCookies({ refresh });
    expect(inShort(await refreshWith(runtime, refresh, { facts }))).toEqual([
      'signed',
      ['header'],
      ['cookie'],
    ]);
  });

  it.each([
    ['given', 'a.b.c', undefined],
    ['in the body', undefined, 'a.b.c'],
  ])('%s is refused if it is malformed', async (_where, token, tokenInBody) => {
    const runtime = await open({ transport: ['cookie', 'header'] });
    const facts = factsOf();
    const refreshed = await refreshWith(runtime, token, { tokenInBody, facts });
    expect(inShort(refreshed)).toEqual(['malformed', ['header'], []]);
  });

  it('in a cookie is refused if it is malformed, and loses its cookie', async () => {
    const runtime = await open({ transport: ['header', 'cookie'] });
    const facts = withCookies({ refresh: 'a.b.c' });
    expect(inShort(await refreshWith(runtime, undefined, { facts }))).toEqual([
      'malformed',
      ['cookie'],
      ['cookie'],
    ]);
  });

  it('is refused if there are two cookies of its name', async () => {
    const runtime = await open();
    const name = '__Host-Http-session-refresh';
    const { refresh } = runtime.tokens;
    const facts = factsOf({ cookie: `${name}=${refresh}; ${name}=a.b.c` });
    expect(inShort(await refreshWith(runtime, undefined, { facts }))).toEqual([
      'ambiguous',
      ['cookie'],
      ['cookie'],
    ]);
  });

  it.each([
    ['a request', factsOf()],
    ['a request with a session token', withCookie('a.b.c')],
    ['nothing', undefined],
  ])('is missing in %s', async (_what, facts) => {
    const runtime = await open({ transport: ['header', 'cookie'] });
    expect(inShort(await refreshWith(runtime, undefined, { facts }))).toEqual([
      'missing',
      ['header'],
      [],
    ]);
  });

  it('in the body counts only if no transport carries one', async () => {
    const runtime = await open();
    const facts = withCookies(runtime.tokens);
    const rest = { facts, tokenInBody: 'a.b.c' };
    expect(inShort(await refreshWith(runtime, undefined, rest))).toEqual([
      'signed',
      ['cookie'],
      ['cookie'],
    ]);
  });

  it('in the body must not be of another session, and costs no cookie', async () => {
    const runtime = await open();
    const other = await signIn(runtime);
    const refreshed = await refreshWith(runtime, undefined, {
      facts: withCookies(runtime.tokens),
      tokenInBody: other.tokens.refresh,
    });
    expect(inShort(refreshed)).toEqual(['conflict', ['cookie'], []]);
  });

  it('in a cookie must not be of another session than the session cookie', async () => {
    const runtime = await open();
    const other = await signIn(runtime);
    const facts = withCookies({
      session: runtime.tokens.session,
      refresh: other.tokens.refresh,
    });
    expect(inShort(await refreshWith(runtime, undefined, { facts }))).toEqual([
      'conflict',
      ['cookie'],
      ['cookie'],
    ]);
    expect(runtime.heard.map(({ type }) => type)).not.toContain('refreshed');
  });
});

describe('a refresh posted by another site', () => {
  const post = (tokens: Tokens): RequestFacts => {
    const facts = withCookies(tokens, { method: 'POST' });
    return { ...facts, headers: { ...facts.headers, ...EVIL } };
  };

  it('is refused before anything else happens', async () => {
    let loads = 0;
    const runtime = await open({}, () => ({ loads: (loads += 1) }));
    const { tokens } = runtime;
    runtime.heard.length = 0;
    await expect(
      refreshWith(runtime, undefined, { facts: post(tokens) }),
    ).rejects.toMatchObject({ code: 'CSRF_REFUSED' });
    expect(runtime.heard).toMatchObject([
      { type: 'rejected', code: 'CSRF_REFUSED', reason: 'cross-site' },
    ]);
    expect(loads).toBe(1);
  });

  it.each([
    ['would write a cookie', 'cookie' as const, false],
    ['writes none, and carries none', 'header' as const, true],
  ])('with a token in its body %s', async (_what, transport, isAllowed) => {
    const runtime = await open({ transport });
    const refreshed = refreshWith(runtime, undefined, {
      facts: post({}),
      tokenInBody: runtime.tokens.refresh,
    });
    await (isAllowed
      ? expect(refreshed).resolves.toMatchObject({ result: { kind: 'signed' } })
      : expect(refreshed).rejects.toMatchObject({ code: 'CSRF_REFUSED' }));
  });

  it('is carried out if the application allows it', async () => {
    const runtime = await open();
    const facts = post(runtime.tokens);
    expect(
      inShort(
        await refreshWith(runtime, undefined, { facts, crossSite: true }),
      ),
    ).toEqual(['signed', ['cookie'], ['cookie']]);
  });
});

describe('a refresh with keys from a function', () => {
  async function openWithVault() {
    const vault = new Vault<SecretInput[]>([SECRET]);
    const runtime = await open({ secret: vault.provide });
    return { ...runtime, vault };
  }

  /** A session of a node that has the new secret already. */
  const signInElsewhere = () => open({ secret: OTHER_SECRET });

  it.each(['given', 'in a cookie'])(
    'looks for the unknown key that a token names, %s',
    async (where) => {
      const { tokens } = await signInElsewhere();
      const runtime = await openWithVault();
      runtime.vault.content = [OTHER_SECRET, SECRET];
      const { result } =
        where === 'given'
          ? await refreshWith(runtime, tokens.refresh)
          : await refreshWith(runtime, undefined, {
              facts: withCookies({ refresh: tokens.refresh }),
            });
      expect(result.kind).toBe('signed');
      expect(runtime.vault.asked).toBe(2);
    },
  );

  it('refuses a token whose key stays unknown', async () => {
    const { tokens } = await signInElsewhere();
    const runtime = await openWithVault();
    expect(inShort(await refreshWith(runtime, tokens.refresh))).toEqual([
      'unknown-key',
      ['cookie'],
      [],
    ]);
    expect(runtime.vault.asked).toBe(2);
  });

  it('looks for no other key if it knows the one of the token', async () => {
    const runtime = await openWithVault();
    const { result } = await refreshWith(runtime, runtime.tokens.refresh);
    expect(result.kind).toBe('signed');
    expect(runtime.vault.asked).toBe(1);
  });

  it('waits for the keys if they are outdated: a removed one no longer counts', async () => {
    const runtime = await openWithVault();
    runtime.vault.content = [OTHER_SECRET];
    runtime.clock.advance('1h');
    const { result } = await refreshWith(runtime, runtime.tokens.refresh);
    expect(result).toEqual({ kind: 'rejected', refusal: 'unknown-key' });
  });
});

describe('the exchanges in flight', () => {
  const timers = () =>
    process.getActiveResourcesInfo().filter((each) => each === 'Timeout')
      .length;

  async function openWithGate() {
    let gate = createGate();
    gate.open();
    const runtime = await open({}, async () => {
      await gate.promise;
      return { id: 'ada' };
    });
    const close = () => (gate = createGate());
    return { ...runtime, close };
  }

  it('are waited for, and those that begin meanwhile', async () => {
    const runtime = await openWithGate();
    const other = await signIn(runtime);
    const first = runtime.close();
    const done: string[] = [];
    const one = refreshWith(runtime, runtime.tokens.refresh);
    void one.then(() => done.push('one'));
    await turn();
    void runtime.issuing!.refresh.settled().then(() => done.push('settled'));
    await turn();
    expect(done).toEqual([]);
    const second = runtime.close();
    void refreshWith(runtime, other.tokens.refresh).then(() =>
      done.push('other'),
    );
    await turn();
    first.open();
    await one;
    await turn();
    expect(done).toEqual(['one']);
    second.open();
    await turn();
    expect(done.toSorted()).toEqual(['one', 'other', 'settled']);
  });

  it('keep the process alive while something waits for them, and no longer', async () => {
    const runtime = await openWithGate();
    const gate = runtime.close();
    const refreshed = refreshWith(runtime, runtime.tokens.refresh);
    await turn();
    const before = timers();
    const settled = runtime.issuing!.refresh.settled();
    expect(timers()).toBe(before + 1);
    gate.open();
    await Promise.all([refreshed, settled]);
    expect(timers()).toBe(before);
  });

  it.each([
    ['there are none', { refreshToken: {} }],
    ['there are no refresh tokens', {}],
  ])('are not waited for if %s', async (_why, options) => {
    const { issuing } = await openRuntime(options);
    const before = timers();
    await issuing!.refresh.settled();
    expect(timers()).toBe(before);
  });
});

describe('a refresh token that contains the attributes', () => {
  /** The session as a request brings it, without the tokens that were just issued. */
  async function broughtBy(
    { authenticator }: OpenedRuntime,
    facts: RequestFacts,
  ): Promise<VerifiedSession> {
    const outcome = await authenticator.authenticate(facts, HANDLING);
    if (outcome.kind !== 'authenticated') {
      throw new TypeError(`expected a session, got ${outcome.kind}`);
    }
    return outcome;
  }

  it('is found in the request', async () => {
    const runtime = await open();
    const { tokens } = runtime;
    const facts = withCookies(tokens);
    const session = await broughtBy(runtime, facts);
    expect(runtime.issuing!.refresh.statelessOf(session, facts)).toEqual(
      claimsIn(tokens.refresh),
    );
  });

  it.each<
    [string, (tokens: Tokens, other: Tokens) => RequestFacts | undefined]
  >([
    ['without a request', () => undefined],
    ['in a request without one', ({ session }) => withCookie(session!)],
    [
      'in a request with an unreadable one',
      (tokens) => withCookies({ ...tokens, refresh: 'a.b.c' }),
    ],
    [
      'in a request with one of another session',
      ({ session }, { refresh }) =>
        withCookies({ session: session!, refresh: refresh! }),
    ],
  ])('is not found %s', async (_where, factsWith) => {
    const runtime = await open();
    const other = await signIn(runtime);
    const { tokens } = runtime;
    const session = await broughtBy(runtime, withCookie(tokens.session));
    const facts = factsWith(tokens, other.tokens);
    expect(runtime.issuing!.refresh.statelessOf(session, facts)).toBe(
      undefined,
    );
  });

  it('is the one that was issued for this request, if there is one', async () => {
    const runtime = await open();
    const { tokens } = runtime;
    const facts = withCookies(tokens);
    const { result } = await refreshWith(runtime, undefined, { facts });
    const { session, refreshToken } = (
      result as Extract<typeof result, { kind: 'signed' }>
    ).signed;
    const { refresh } = runtime.issuing!;
    const issued = claimsIn(refreshToken);
    expect(refresh.statelessOf(session, facts)).toEqual(issued);
    expect(refresh.statelessOf(session, undefined)).toEqual(issued);
  });

  it('does not exist where a store keeps them', async () => {
    const runtime = await open({ store: new MemorySessionStore() });
    const { session, tokens } = runtime;
    const { refresh } = runtime.issuing!;
    const facts = withCookies(tokens);
    expect(refresh.statelessOf(session, undefined)).toBeUndefined();
    expect(
      refresh.statelessOf(await broughtBy(runtime, facts), facts),
    ).toBeUndefined();
  });

  it('does not exist without refresh tokens', async () => {
    const runtime = await openRuntime();
    const { session, token } = await runtime.issuing!.issuer.generate(
      'ada',
      {},
      undefined,
    );
    expect(
      runtime.issuing!.refresh.statelessOf(session, withCookie(token)),
    ).toBeUndefined();
  });
});
