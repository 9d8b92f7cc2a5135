import { SessionEndedError } from '../../lib/errors/session-error.js';
import type { SessionJwtModuleOptions } from '../../lib/options/session-jwt-module-options.js';
import type { RequestFacts } from '../../lib/ports/request-facts.js';
import type { GenerateOptions } from '../../lib/session/generate-options.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { createGate, turn } from '../support/asynchrony.js';
import { OTHER_SECRET, SECRET } from '../support/secrets.js';
import {
  claimsIn,
  DAY,
  headerIn,
  MINUTE,
  NOW,
} from '../support/session-claims.js';
import { SickStore } from '../support/sick-store.js';
import { CountingLoader } from './live-session.js';
import {
  factsOf,
  openRuntime,
  withBearer,
  withCookie,
} from './session-runtime.js';

/** A runtime whose sessions are created and changed. */
async function open(
  options: Partial<SessionJwtModuleOptions> = {},
  clock = new TestSessionClock(),
) {
  const loader = new CountingLoader();
  const runtime = await openRuntime(
    { transport: 'header', ...options },
    loader.load,
    clock,
  );
  const { issuer } = runtime.issuing!;
  const generate = (
    params: unknown = 'ada',
    given: GenerateOptions = {},
    facts?: RequestFacts,
  ) => issuer.generate(params, given, facts);
  /** Changes the attributes of a session that a request has brought in its first token. */
  const update = (
    { session }: Awaited<ReturnType<typeof generate>>,
    changes: object,
    { refresh, isPassive = false }: Updating = {},
  ) =>
    issuer.update(
      session,
      changes,
      runtime.transports.all,
      refresh as never,
      isPassive,
    );
  const events = () => runtime.heard.map(({ type }) => type);
  return { ...runtime, loader, issuer, generate, update, events };
}

interface Updating {
  readonly refresh?: unknown;
  readonly isPassive?: boolean;
}

function tokenOf(answer: object): string {
  if (!('token' in answer)) {
    throw new Error(`expected a token, got ${JSON.stringify(answer)}`);
  }
  return String(answer.token);
}

describe('a new session', () => {
  it('has its data, its lifetime and a token for the first transport', async () => {
    const { generate, transports, loader, heard } = await open({
      transport: ['cookie', 'header'],
    });
    const created = await generate('ada', { attributes: { theme: 'dark' } });
    expect(claimsIn(created.token)).toEqual({
      v: 1,
      iss: 'nestjs-session-jwt',
      aud: 'nestjs-session-jwt',
      sub: 'ada',
      sid: expect.stringMatching(/^[\w-]{43}$/),
      jti: expect.stringMatching(/^[\w-]{22}$/),
      iat: NOW,
      oiat: NOW,
      auth_time: NOW,
      lat: NOW,
      exp: NOW + 7 * DAY,
      params: 'ada',
      data: { call: 1 },
      attrs: { theme: 'dark' },
      rev: 0,
    });
    expect(created.refreshToken).toBeUndefined();
    expect(created.carriers).toEqual([transports.all[0]]);
    expect(created.session.dispatch.deliveries.map(({ kind }) => kind)).toEqual(
      ['cookie'],
    );
    expect(loader.contexts).toHaveLength(1);
    expect(loader.contexts[0]).toMatchObject({
      reason: 'generate',
      sessionId: created.session.claims.sid,
      subject: 'ada',
      issuedAt: new Date(NOW * 1000),
      attributes: { theme: 'dark' },
    });
    expect(heard).toEqual([
      expect.objectContaining({ type: 'created', subject: 'ada' }),
    ]);
  });

  it('has the params as its data where there is no loader', async () => {
    const { issuing } = await openRuntime({ transport: 'header' });
    const { token } = await issuing!.issuer.generate('ada', {}, undefined);
    expect(claimsIn(token)).not.toHaveProperty('data');
    expect(claimsIn(token).params).toBe('ada');
  });

  it('is named by the library, each one differently', async () => {
    const { generate } = await open();
    const [one, two] = [await generate(), await generate()];
    expect(one.session.claims.sid).not.toBe(two.session.claims.sid);
  });

  it('goes to the transport that the application names', async () => {
    const { generate, transports } = await open({
      transport: ['cookie', 'header'],
    });
    const { carriers } = await generate('ada', { transport: 'header' });
    expect(carriers).toEqual([transports.all[1]]);
  });

  it('lives in a cookie as long as its token', async () => {
    const { generate, loader, clock } = await open({ transport: 'cookie' });
    loader.answer = () => {
      clock.advance(3);
      return {};
    };
    const { session } = await generate();
    expect(session.dispatch.deliveries).toEqual([
      expect.objectContaining({
        line: expect.stringContaining(`; Max-Age=${7 * DAY};`),
      }),
    ]);
  });

  it('goes to no transport that the module does not know', async () => {
    const { generate, loader } = await open({
      transport: ['cookie', 'header'],
    });
    await expect(generate('ada', { transport: 'pigeon' })).rejects.toThrow(
      "generate: transport: expected 'cookie', 'header', got 'pigeon'",
    );
    expect(loader.calls).toBe(0);
  });

  it.each([
    ['an unknown option', 'ada', { rembemer: true }, 'SessionConfigError'],
    ['no subject', { id: 7 }, {}, 'SessionError'],
  ])(
    'is refused with %s before its data is loaded',
    async (_what, params, options, name) => {
      const { generate, loader, events } = await open();
      await expect(generate(params, options as never)).rejects.toMatchObject({
        name,
      });
      expect(loader.calls).toBe(0);
      expect(events()).toEqual([]);
    },
  );

  it('is dated by its begin, its token by the end of the load', async () => {
    const { generate, loader, clock } = await open();
    loader.answer = () => {
      clock.advance(3);
      return {};
    };
    const { token, session } = await generate();
    expect(claimsIn(token)).toMatchObject({
      oiat: NOW,
      lat: NOW,
      auth_time: NOW,
      iat: NOW + 3,
      exp: NOW + 3 + 7 * DAY,
    });
    expect(session.claims.iat).toBe(NOW + 3);
  });

  it('is signed with the newest keys, for which it waits', async () => {
    let secrets = [SECRET];
    const { generate, clock } = await open({
      secret: () => Promise.resolve(secrets),
    });
    const before = headerIn((await generate()).token);
    clock.advance('5m');
    secrets = [OTHER_SECRET, SECRET];
    expect(headerIn((await generate()).token)).not.toEqual(before);
  });
});

describe('a sign-in that another site has posted', () => {
  const posted = factsOf(
    { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' },
    { method: 'POST' },
  );

  it('is refused before anything is loaded', async () => {
    const { generate, loader, heard } = await open({ transport: 'cookie' });
    await expect(generate('ada', {}, posted)).rejects.toMatchObject({
      code: 'CSRF_REFUSED',
    });
    expect(loader.calls).toBe(0);
    expect(heard).toEqual([
      expect.objectContaining({ type: 'rejected', code: 'CSRF_REFUSED' }),
    ]);
  });

  it('is accepted where the application knows of it, or no browser sends the token', async () => {
    const cookies = await open({ transport: 'cookie' });
    const { generate } = cookies;
    await expect(
      generate('ada', { crossSite: true }, posted),
    ).resolves.toHaveProperty('token');
    const headers = await open({ transport: ['cookie', 'header'] });
    await expect(
      headers.generate('ada', { transport: 'header' }, posted),
    ).resolves.toHaveProperty('token');
  });
});

describe('a new session without data', () => {
  it.each([
    ['finds none', () => null],
    [
      'says that it has ended',
      () => {
        throw new SessionEndedError('locked');
      },
    ],
  ])('is not created where the loader %s', async (_what, answer) => {
    const { generate, loader, events } = await open();
    loader.answer = answer;
    await expect(generate()).rejects.toMatchObject({ code: 'SESSION_ENDED' });
    expect(events()).toEqual([]);
  });

  it('is not created while the loader fails, which the event explains', async () => {
    const { generate, loader, heard } = await open();
    const cause = new Error('down');
    loader.answer = () => {
      throw cause;
    };
    await expect(generate()).rejects.toMatchObject({
      code: 'LOADER_UNAVAILABLE',
      cause,
    });
    expect(heard).toEqual([
      expect.objectContaining({
        type: 'loaderFailed',
        subject: 'ada',
        code: 'LOADER_UNAVAILABLE',
        error: cause,
      }),
    ]);
    // The next sign-in does not wait.
    await expect(generate()).rejects.toMatchObject({ cause });
    expect(loader.calls).toBe(2);
  });

  it('is not created from data that no token can hold, whose fault is the error itself', async () => {
    const { generate, loader, heard } = await open();
    loader.answer = () => new Map();
    const failure = expect.objectContaining({ code: 'NOT_SERIALIZABLE' });
    await expect(generate()).rejects.toEqual(failure);
    expect(heard).toEqual([
      expect.objectContaining({
        type: 'loaderFailed',
        code: 'NOT_SERIALIZABLE',
        error: failure,
      }),
    ]);
  });

  it('is not recorded where its data fits into no token', async () => {
    const store = new SickStore();
    const { generate, loader, events } = await open({ store });
    store.takeCalls();
    loader.answer = () => 'x'.repeat(9_000);
    await expect(generate()).rejects.toMatchObject({
      code: 'SESSION_TOO_LARGE',
    });
    expect(store.takeCalls()).toEqual([]);
    expect(events()).toEqual([]);
  });
});

describe('the refresh token of a new session', () => {
  it('holds what a new session token needs, where no store keeps it', async () => {
    const { generate } = await open({ refreshToken: {} });
    const { token, refreshToken, session } = await generate('ada', {
      attributes: { theme: 'dark' },
    });
    expect(claimsIn(token)).not.toHaveProperty('gen');
    expect(claimsIn(token).rexp).toBe(NOW + 7 * DAY);
    const refresh = claimsIn(refreshToken);
    expect(refresh).toMatchObject({
      sid: session.claims.sid,
      exp: NOW + 7 * DAY,
      params: 'ada',
      attrs: { theme: 'dark' },
    });
    expect(refresh).not.toHaveProperty('gen');
    expect(refresh).not.toHaveProperty('data');
    expect(session.dispatch.deliveries).toHaveLength(2);
  });

  it('is the first of the chain that the store keeps', async () => {
    const store = new SickStore();
    const { generate, issuing } = await open({ refreshToken: {}, store });
    const { token, refreshToken } = await generate();
    expect(claimsIn(token).gen).toBe(0);
    expect(claimsIn(refreshToken)).toMatchObject({ gen: 0 });
    expect(claimsIn(refreshToken)).not.toHaveProperty('params');
    const { result } = await issuing!.refresh.refresh({
      token: refreshToken,
      tokenInBody: undefined,
      facts: undefined,
      crossSite: undefined,
      isPassive: false,
    });
    expect(result.kind).toBe('signed');
  });

  it('does not exist where only session tokens are issued, store or not', async () => {
    const { generate } = await open({ store: new SickStore() });
    const { token, refreshToken } = await generate();
    expect(refreshToken).toBeUndefined();
    expect(claimsIn(token)).not.toHaveProperty('gen');
  });
});

describe('the record of a new session', () => {
  it('exists before the session does', async () => {
    const store = new SickStore();
    const { generate, events } = await open({ store });
    const { session } = await generate('ada', {
      attributes: { theme: 'dark' },
      metadata: { label: 'Phone' },
    });
    expect(store.takeCalls()).toEqual(['create']);
    expect(await store.healthy.read(session.claims.sid, 'ada')).toMatchObject({
      subject: 'ada',
      params: 'ada',
      attributes: { theme: 'dark' },
      metadata: { label: 'Phone' },
      revision: 0,
    });
    expect(events()).toEqual(['created']);
    store.fall('rejects');
    await expect(generate()).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
    expect(events()).toEqual(['created', 'storeFailed']);
  });

  it('is refused at the limit, where that is the policy', async () => {
    const { generate, heard, authenticator } = await open({
      store: new SickStore(),
      maxSessions: { max: 1, policy: 'refuse' },
    });
    const { token } = await generate();
    heard.length = 0;
    await expect(generate()).rejects.toMatchObject({ code: 'SESSION_LIMIT' });
    expect(heard).toEqual([
      {
        type: 'limitReached',
        at: new Date(NOW * 1000),
        subject: 'ada',
        max: 1,
      },
    ]);
    // The one that exists goes on, and others may sign in.
    expect(
      await authenticator.authenticate(withBearer(token), {
        canDeliver: true,
        asksStore: true,
        isPassive: false,
      }),
    ).toMatchObject({ kind: 'authenticated' });
    await expect(generate('grace')).resolves.toHaveProperty('token');
  });

  it('ends the oldest at the limit, where that is the policy', async () => {
    const store = new SickStore();
    const { generate, heard, issuing } = await open({
      store,
      maxSessions: { max: 1, policy: 'end-oldest' },
    });
    const first = await generate();
    heard.length = 0;
    store.takeCalls();
    await generate();
    expect(store.takeCalls()).toEqual(['create']);
    expect(heard.map((event) => ({ ...event }))).toEqual([
      expect.objectContaining({
        type: 'ended',
        subject: 'ada',
        reason: 'limit',
        reach: 'store',
      }),
      expect.objectContaining({ type: 'created' }),
    ]);
    // This process knows of it.
    expect(await issuing!.reload.reloadNow(first.session, [], false)).toEqual({
      refusal: 'ended',
    });
  });
});

describe('a sign-in with the token of another session', () => {
  const refusalOf = async (
    { issuing }: Awaited<ReturnType<typeof open>>,
    {
      session,
    }: Awaited<ReturnType<Awaited<ReturnType<typeof open>>['generate']>>,
  ) => {
    const answer = await issuing!.reload.reloadNow(session, [], false);
    return 'refusal' in answer ? answer.refusal : undefined;
  };

  it.each(['ada', 'grace'])(
    'ends that, of %s, in this process where no store keeps it',
    async (subject) => {
      const runtime = await open();
      const former = await runtime.generate(subject);
      runtime.heard.length = 0;
      await runtime.generate('ada', {}, withBearer(former.token));
      expect(runtime.heard).toEqual([
        expect.objectContaining({
          type: 'ended',
          subject,
          reason: 'replaced',
          reach: 'process',
        }),
        expect.objectContaining({ type: 'created', subject: 'ada' }),
      ]);
      expect(await refusalOf(runtime, former)).toBe('replaced');
    },
  );

  it.each([
    ['ada', 'in the same step', ['create']],
    ['grace', 'after its own record', ['create', 'end']],
  ])('ends that, of %s, in the store %s', async (subject, _when, calls) => {
    const store = new SickStore();
    const runtime = await open({ store });
    const former = await runtime.generate(subject);
    runtime.heard.length = 0;
    store.takeCalls();
    await runtime.generate('ada', {}, withBearer(former.token));
    expect(store.takeCalls()).toEqual(calls);
    const { sid } = former.session.claims;
    expect(await store.healthy.read(sid, subject)).toBeUndefined();
    expect(runtime.heard).toEqual([
      expect.objectContaining({
        type: 'ended',
        subject,
        reason: 'replaced',
        reach: 'store',
      }),
      expect.objectContaining({ type: 'created', subject: 'ada' }),
    ]);
    expect(await refusalOf(runtime, former)).toBe('replaced');
  });

  it('ends each that it carries', async () => {
    const store = new SickStore();
    const runtime = await open({ store, transport: ['cookie', 'header'] });
    const [one, two] = [await runtime.generate(), await runtime.generate()];
    const facts = withCookie(one.token);
    store.takeCalls();
    await runtime.generate(
      'ada',
      {},
      {
        ...facts,
        headers: { ...facts.headers, authorization: `Bearer ${two.token}` },
      },
    );
    expect(store.takeCalls()).toEqual(['create', 'end']);
    expect(await refusalOf(runtime, one)).toBe('replaced');
    expect(await refusalOf(runtime, two)).toBe('replaced');
  });

  it('does not count that towards the limit', async () => {
    const runtime = await open({
      store: new SickStore(),
      maxSessions: { max: 1, policy: 'refuse' },
    });
    const { token } = await runtime.generate();
    await expect(
      runtime.generate('ada', {}, withBearer(token)),
    ).resolves.toHaveProperty('token');
  });

  it('ends nothing where it is refused itself', async () => {
    const runtime = await open({
      store: new SickStore(),
      maxSessions: { max: 1, policy: 'refuse' },
    });
    await runtime.generate('ada');
    const former = await runtime.generate('grace');
    await expect(
      runtime.generate('ada', {}, withBearer(former.token)),
    ).rejects.toMatchObject({ code: 'SESSION_LIMIT' });
    expect(await refusalOf(runtime, former)).toBeUndefined();
  });

  it('leaves no record behind, and the other session as it is, where that cannot be ended', async () => {
    const store = new SickStore();
    const runtime = await open({ store });
    const former = await runtime.generate('grace');
    runtime.heard.length = 0;
    store.takeCalls();
    let isFirst = true;
    store.fall('rejects', 'end');
    store.isIll = (operation) => {
      const isIll = operation === 'end' && isFirst;
      if (isIll) isFirst = false;
      return isIll;
    };
    await expect(
      runtime.generate('ada', {}, withBearer(former.token)),
    ).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(store.takeCalls()).toEqual(['create', 'end', 'end']);
    expect(await store.healthy.list('ada')).toEqual([]);
    expect(runtime.events()).not.toContain('created');
    expect(runtime.events()).not.toContain('ended');
    store.recover();
    expect(await refusalOf(runtime, former)).toBeUndefined();
  });

  it('ends nothing where the application signs in outside a request', async () => {
    const store = new SickStore();
    const runtime = await open({ store });
    const former = await runtime.generate();
    await runtime.generate();
    expect(store.takeCalls()).toEqual(['create', 'create']);
    expect(await refusalOf(runtime, former)).toBeUndefined();
  });
});

describe('an update', () => {
  it('merges attributes, removes those set to null, and signs', async () => {
    const { generate, update, clock, loader } = await open();
    const created = await generate('ada', {
      attributes: { theme: 'dark', page: 1 },
    });
    clock.advance(60);
    const updated = await update(created, { page: null, size: 9 });
    expect(claimsIn(tokenOf(updated))).toEqual({
      ...created.session.claims,
      attrs: { theme: 'dark', size: 9 },
      rev: 1,
      iat: NOW + 60,
      jti: expect.any(String),
    });
    expect(claimsIn(tokenOf(updated)).jti).not.toBe(created.session.claims.jti);
    expect(loader.calls).toBe(1);
  });

  it('merges into what this process knows, whichever token a request brings', async () => {
    const { generate, update } = await open();
    const created = await generate();
    await update(created, { a: 1 });
    const both = await update(created, { b: 2 });
    expect(claimsIn(tokenOf(both))).toMatchObject({
      attrs: { a: 1, b: 2 },
      rev: 2,
    });
  });

  it.each([
    ['something else than an object', [1]],
    ['what is not JSON', { now: () => 1 }],
  ])('refuses %s, and changes nothing', async (_what, changes) => {
    const store = new SickStore();
    const { generate, update } = await open({ store });
    const created = await generate();
    store.takeCalls();
    await expect(update(created, changes)).rejects.toMatchObject({
      code: 'NOT_SERIALIZABLE',
    });
    expect(store.takeCalls()).toEqual([]);
  });

  it.each([
    ['expired', 7 * DAY],
    ['ended', 0],
  ])('is refused where the session is %s', async (refusal, seconds) => {
    const store = new SickStore();
    const { generate, update, clock, revocation } = await open({ store });
    const created = await generate();
    clock.advance(seconds);
    if (refusal === 'ended') await revocation.end(created.session.claims);
    store.takeCalls();
    expect(await update(created, { a: 1 })).toEqual({ refusal });
    expect(store.takeCalls()).toEqual([]);
  });

  it('is signed with the newest keys, for which it waits', async () => {
    let secrets = [SECRET];
    const { generate, update, clock } = await open({
      secret: () => Promise.resolve(secrets),
    });
    const created = await generate();
    clock.advance('5m');
    secrets = [OTHER_SECRET, SECRET];
    expect(headerIn(tokenOf(await update(created, {})))).not.toEqual(
      headerIn(created.token),
    );
  });

  it('writes the attributes into the refresh token that holds them', async () => {
    const { generate, update, clock } = await open({ refreshToken: {} });
    const created = await generate();
    const refresh = created.session.refresh!;
    clock.advance(60);
    const updated = await update(created, { theme: 'dark' }, { refresh });
    expect(updated).toMatchObject({ refreshToken: expect.any(String) });
    const rewritten = claimsIn(
      'refreshToken' in updated ? updated.refreshToken : '',
    );
    expect(rewritten).toEqual({
      ...refresh,
      attrs: { theme: 'dark' },
      rev: 1,
      jti: expect.any(String),
    });
    const without = await update(created, { page: 1 });
    expect(without).toMatchObject({ refreshToken: undefined });
  });

  it('is not remembered where it fits into no token', async () => {
    const { generate, update } = await open();
    const created = await generate();
    await expect(
      update(created, { text: 'x'.repeat(9_000) }),
    ).rejects.toMatchObject({ code: 'SESSION_TOO_LARGE' });
    expect(claimsIn(tokenOf(await update(created, { a: 1 })))).toMatchObject({
      attrs: { a: 1 },
      rev: 1,
    });
  });
});

describe('an update of a recorded session', () => {
  async function openRecorded() {
    const store = new SickStore();
    const runtime = await open({ store });
    const created = await runtime.generate();
    const { sid } = created.session.claims;
    store.takeCalls();
    const record = () => store.healthy.read(sid, 'ada');
    return { ...runtime, store, created, sid, record };
  }

  it('takes one call, and the attributes that the record has then', async () => {
    const { store, update, created, sid, record, issuing } =
      await openRecorded();
    // Another node was faster.
    await store.healthy.update(sid, 'ada', { attributes: { a: 1 } });
    const updated = await update(created, { b: 2 });
    expect(store.takeCalls()).toEqual(['update']);
    const newest = { attrs: { a: 1, b: 2 }, rev: 2 };
    expect(claimsIn(tokenOf(updated))).toMatchObject(newest);
    expect(await record()).toMatchObject({
      attributes: newest.attrs,
      revision: 2,
    });
    // This process knows of it.
    expect(issuing!.reload.newestOf(created.session).claims).toMatchObject(
      newest,
    );
  });

  it('changes only what it names, whatever the token holds', async () => {
    const store = new SickStore();
    const { generate, update } = await open({ store });
    const created = await generate('ada', { attributes: { theme: 'dark' } });
    // Another node has removed it.
    await store.healthy.update(created.session.claims.sid, 'ada', {
      attributes: { theme: null },
    });
    const updated = await update(created, { a: 1 });
    expect(claimsIn(tokenOf(updated)).attrs).toEqual({ a: 1 });
  });

  it.each([
    [false, 5 * MINUTE],
    [true, 0],
  ])('counts as use unless it is passive (%s)', async (isPassive, seconds) => {
    const { update, created, record, clock } = await openRecorded();
    clock.advance('5m');
    await update(created, { a: 1 }, { isPassive });
    expect((await record())?.lastSeenAt).toEqual(
      new Date((NOW + seconds) * 1000),
    );
  });

  it('does not reach the record where it fits into no token', async () => {
    const { store, update, created } = await openRecorded();
    await expect(
      update(created, { text: 'x'.repeat(9_000) }),
    ).rejects.toMatchObject({ code: 'SESSION_TOO_LARGE' });
    expect(store.takeCalls()).toEqual([]);
  });

  it('is refused where the store has ended the session', async () => {
    const { store, update, created, sid } = await openRecorded();
    await store.healthy.end(sid, 'ada');
    expect(await update(created, { a: 1 })).toEqual({ refusal: 'unknown' });
  });

  it('is refused as the session that a sign-in replaces meanwhile', async () => {
    const { store, update, created, generate } = await openRecorded();
    const gate = createGate();
    store.gate = gate.promise;
    const updated = update(created, { a: 1 });
    await turn();
    store.gate = undefined;
    await generate('ada', {}, withBearer(created.token));
    gate.open();
    expect(await updated).toEqual({ refusal: 'replaced' });
  });

  it('fails as the store does, and is not remembered', async () => {
    const { store, update, created, issuing } = await openRecorded();
    store.fall('rejects');
    await expect(update(created, { a: 1 })).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
    const { reload } = issuing!;
    expect(reload.newestOf(created.session)).toBe(created.session);
  });

  it('leaves a refresh token as it is, which holds no attributes', async () => {
    const store = new SickStore();
    const { generate, update } = await open({ store, refreshToken: {} });
    const created = await generate();
    const updated = await update(created, { a: 1 });
    expect(updated).toMatchObject({ refreshToken: undefined });
    expect(claimsIn(tokenOf(updated))).toMatchObject({ rev: 1, gen: 0 });
  });
});
