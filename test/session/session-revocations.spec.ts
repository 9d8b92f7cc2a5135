import { SessionEndedError } from '../../lib/errors/session-error.js';
import type { SessionJwtModuleOptions } from '../../lib/options/session-jwt-module-options.js';
import type { SignedSession } from '../../lib/session/model/signed-session.js';
import type { VerifiedSession } from '../../lib/session/model/verified-session.js';
import { MemorySessionStore } from '../../lib/stores/memory-session-store.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { until } from '../support/asynchrony.js';
import { rounds } from '../support/effort.js';
import { claimsIn, MINUTE } from '../support/session-claims.js';
import { SECRET } from '../support/secrets.js';
import { carrying } from './carried-tokens.js';
import { refreshWith } from './session-runtime.js';
import {
  closeNodes,
  openNodes,
  settled,
  type NodesOptions,
} from './revoked-nodes.js';

afterEach(closeNodes);

const ENDED = { refusal: 'ended' };
const ALIVE = { subject: 'ada' };

/** The set-ups in which nodes share a log. */
const SETUPS: readonly (readonly [string, () => NodesOptions])[] = [
  ['without a store', () => ({})],
  ['with a store', () => ({ store: new MemorySessionStore() })],
  ['without a store, in pairs', () => ({ refreshToken: {} })],
  [
    'with a store, in pairs',
    () => ({ store: new MemorySessionStore(), refreshToken: {} }),
  ],
  [
    'with the data in the store',
    () => ({ store: new MemorySessionStore(), keepDataIn: 'store' as const }),
  ],
];

describe.each(SETUPS)('a revocation, %s', (_setup, options) => {
  it('of one session is known on every node as soon as it is confirmed, and of that one only', async () => {
    const { nodes } = await openNodes(3, options());
    const [first, second, third] = nodes as [
      (typeof nodes)[0],
      (typeof nodes)[0],
      (typeof nodes)[0],
    ];
    const mine = await first.signIn();
    const other = await second.signIn();
    for (const node of nodes) {
      expect(await node.ask(mine.token)).toMatchObject(ALIVE);
    }
    const claims = claimsIn(mine.token) as { sid: string; sub: string };
    expect(await second.revocation.end(claims)).toBe(true);
    await settled();
    for (const node of nodes) {
      expect(await node.ask(mine.token)).toMatchObject(ENDED);
      expect(await node.ask(other.token)).toMatchObject(ALIVE);
    }
    expect(third.heard.filter(({ type }) => type === 'ended')).toEqual([]);
    expect(second.heard.filter(({ type }) => type === 'ended')).toMatchObject([
      { reason: 'revoked', reach: 'log' },
    ]);
  });

  it('of a session named by its id ends it, if it is one of that subject', async () => {
    const { nodes } = await openNodes(2, options());
    const [first, second] = nodes;
    const { token, sid } = await first!.signIn();
    await second!.revocation.endNamed(sid, 'eve');
    await settled();
    expect(await first!.ask(token)).toMatchObject(ALIVE);
    expect(await second!.ask(token)).toMatchObject(ALIVE);
    await second!.revocation.endNamed(sid, 'ada');
    await settled();
    expect(await first!.ask(token)).toMatchObject(ENDED);
    expect(await second!.ask(token)).toMatchObject(ENDED);
  });

  it('of all sessions of a subject spares the one named, those of others, and those that begin afterwards', async () => {
    const { nodes } = await openNodes(2, options());
    const [first, second] = nodes;
    const ended = await first!.signIn();
    const kept = await first!.signIn();
    const others = await first!.signIn('eve');
    await second!.revokeAll('ada', kept.sid);
    const later = await first!.signIn();
    await settled();
    for (const node of nodes) {
      expect(await node.ask(ended.token)).toMatchObject(ENDED);
      expect(await node.ask(kept.token)).toMatchObject(ALIVE);
      expect(await node.ask(later.token)).toMatchObject(ALIVE);
      expect(await node.ask(others.token)).toMatchObject({ subject: 'eve' });
    }
    expect(later.oiat).toBe(ended.oiat + 1);
  });

  it('of everything spares what begins afterwards, and is known to nodes that start later', async () => {
    const { nodes, log, clock } = await openNodes(2, options());
    const [first, second] = nodes;
    const before = await first!.signIn();
    await second!.revocation.endEverything();
    const later = await first!.signIn();
    await settled();
    for (const node of nodes) {
      expect(await node.ask(before.token)).toMatchObject(ENDED);
      expect(await node.ask(later.token)).toMatchObject(ALIVE);
    }
    const started = await openNodes(1, options(), { clock, log });
    expect(await started.nodes[0]!.ask(before.token)).toMatchObject({
      refusal: expect.stringMatching(/^(ended|unknown)$/),
    });
  });

  it('in the second of a sign-in ends that session, however often both follow each other', async () => {
    const { nodes } = await openNodes(2, options());
    const [first, second] = nodes;
    for (let round = 0; round < 12; round += 1) {
      const { token } = await first!.signIn();
      expect(await second!.ask(token)).toMatchObject(ALIVE);
      const revoking = round % 3 === 2 ? second! : first!;
      if (round % 4 === 3) await first!.revocation.endEverything();
      else await revoking.revokeAll();
      await settled();
      if (revoking === first || round < 2) {
        for (const node of nodes) {
          expect(await node.ask(token)).toMatchObject(ENDED);
        }
      }
    }
  });
});

describe('a sign-in and a revocation in the same second', () => {
  it('follow each other on different nodes', async () => {
    const { nodes } = await openNodes(2);
    const [first, second] = nodes;
    await first!.revokeAll();
    const { token, oiat } = await second!.signIn();
    await settled();
    await first!.revokeAll();
    await settled();
    for (const node of nodes) {
      expect(await node.ask(token)).toMatchObject(ENDED);
    }
    const later = await second!.signIn();
    expect(later.oiat).toBe(oiat + 1);
    for (const node of nodes) {
      expect(await node.ask(later.token)).toMatchObject(ALIVE);
    }
  });

  it('do not overtake each other, however late a node hears of them', async () => {
    const { nodes, clock } = await openNodes(2);
    const [first, second] = nodes;
    second!.connection.cut();
    await first!.revokeAll();
    const signingIn = second!.signIn();
    await settled();
    second!.connection.heal();
    const { token, oiat } = await signingIn;
    expect(oiat).toBe(clock.nowSeconds() + 1);
    for (const node of nodes) {
      expect(await node.ask(token)).toMatchObject(ALIVE);
    }
  });

  it('wait for nothing where several nodes write proofs of life in the same millisecond', async () => {
    const { nodes } = await openNodes(4);
    for (let round = 0; round < 20; round += 1) {
      const caughtUp = nodes.map(({ revocations }) =>
        revocations!.journal.caughtUp(),
      );
      expect(await Promise.all(caughtUp)).toEqual([true, true, true, true]);
    }
  });

  it('that is asked for late ends nothing that began since', async () => {
    const { nodes } = await openNodes(2);
    const [first, second] = nodes;
    const before = await first!.signIn();
    // The call of the first node is on its way for long; the user repeats it elsewhere.
    const cutOff = await first!.revocations!.cutOffOf('ada');
    await second!.revokeAll();
    const later = await second!.signIn();
    await first!.revocations!.revokeSubject('ada', undefined, cutOff);
    await settled();
    for (const node of nodes) {
      expect(await node.ask(before.token)).toMatchObject(ENDED);
      expect(await node.ask(later.token)).toMatchObject(ALIVE);
    }
  });
});

describe('a refresh token', () => {
  it.each([
    ['stateless', undefined],
    ['recorded', new MemorySessionStore()],
  ])(
    'that is %s is refused on every node once its session is revoked',
    async (_kind, store) => {
      const { nodes } = await openNodes(2, {
        refreshToken: {},
        ...(store && { store }),
      });
      const [first, second] = nodes;
      const { refreshToken } = await first!.signIn();
      await second!.revokeAll();
      await settled();
      for (const node of nodes) {
        const { result } = await refreshWith(node, refreshToken);
        expect(result).toMatchObject({ kind: 'rejected', refusal: 'ended' });
      }
    },
  );
});

describe('other ends', () => {
  it('by the loader are known on every node', async () => {
    const goneUsers = new Set<string>();
    const { nodes, clock } = await openNodes(2, {
      load: async (id: string) => {
        if (goneUsers.has(id)) throw new SessionEndedError('gone');
        return { id };
      },
    });
    const { token } = await nodes[0]!.signIn();
    goneUsers.add('ada');
    clock.advance(16 * MINUTE);
    await settled();
    expect(await nodes[0]!.ask(token)).toMatchObject(ENDED);
    goneUsers.clear();
    await settled();
    expect(await nodes[1]!.ask(token)).toMatchObject(ENDED);
  });

  it('by a new sign-in of the same client clear nothing on other nodes', async () => {
    const { nodes } = await openNodes(2);
    const [first, second] = nodes;
    const { token } = await first!.signIn();
    await first!.issuing!.issuer.generate(
      'ada',
      {},
      { headers: { cookie: `__Host-Http-session=${token}` } },
    );
    await settled();
    expect(await second!.ask(token)).toEqual({
      refusal: 'replaced',
      clears: [],
    });
  });

  it('by the reuse of a refresh token are known on every node', async () => {
    const { nodes, clock } = await openNodes(2, {
      refreshToken: {},
      store: new MemorySessionStore(),
    });
    const [first, second] = nodes;
    const { token, refreshToken } = await first!.signIn();
    const { result } = await refreshWith(first!, refreshToken);
    expect(result.kind).toBe('signed');
    const child =
      result.kind === 'signed' ? result.signed.refreshToken : undefined;
    await refreshWith(first!, child);
    clock.advance(2 * MINUTE);
    await settled();
    const reused = await refreshWith(first!, refreshToken);
    expect(reused.result).toMatchObject({ refusal: 'reused' });
    await settled();
    expect(await second!.ask(token)).toMatchObject(ENDED);
  });
});

describe('a node that may miss revocations', () => {
  const ROWS = [
    ['ask-store', true, { refusal: 'unknown' }, ALIVE],
    ['accept', true, ALIVE, ALIVE],
    ['accept', false, ALIVE, ALIVE],
    [
      'refuse',
      true,
      { unavailable: 'STORE_UNAVAILABLE' },
      { unavailable: 'STORE_UNAVAILABLE' },
    ],
    [
      'refuse',
      false,
      { unavailable: 'STORE_UNAVAILABLE' },
      { unavailable: 'STORE_UNAVAILABLE' },
    ],
  ] as const;

  it.each(ROWS)(
    'does what it is told to: %s, store %p',
    async (whenLagging, hasStore, ofEnded, ofOthers) => {
      const { nodes, clock } = await openNodes(2, {
        whenLagging,
        ...(hasStore && { store: new MemorySessionStore() }),
      });
      const [first, second] = nodes;
      const ended = await first!.signIn();
      const other = await first!.signIn();
      second!.connection.cut();
      await first!.revocation.end(claimsIn(ended.token));
      await settled();
      // A node cannot know before the lag is over.
      expect(await second!.ask(ended.token)).toMatchObject(ALIVE);
      clock.advance(2);
      await settled();
      expect(second!.revocations!.journal.standing.reason).toBe('silent');
      expect(await second!.ask(ended.token)).toMatchObject(ofEnded);
      expect(await second!.ask(other.token)).toMatchObject(ofOthers);
      expect(await first!.ask(other.token)).toMatchObject(ALIVE);
      second!.connection.heal();
      await until(
        () => !second!.revocations!.journal.standing.isBehind,
        'caught up',
      );
      expect(await second!.ask(ended.token)).toMatchObject(ENDED);
      expect(await second!.ask(other.token)).toMatchObject(ALIVE);
      const lag = second!.heard.filter(({ type }) =>
        type.startsWith('revocations'),
      );
      expect(lag.map(({ type }) => type)).toEqual(
        expect.arrayContaining(['revocationsLagging']),
      );
      expect(
        lag.filter(({ type }) => type === 'revocationsLagging'),
      ).toHaveLength(1);
    },
  );

  it('knows that its machine has slept, before it hears of anything', async () => {
    const { nodes, clock } = await openNodes(1, { whenLagging: 'refuse' });
    const [node] = nodes;
    const { token } = await node!.signIn();
    node!.connection.cut();
    // The monotonic clock of most machines stands still meanwhile.
    const elapsed = clock.monotonicSeconds();
    clock.monotonicSeconds = () => elapsed;
    clock.advance(3);
    expect(await node!.ask(token)).toMatchObject({
      unavailable: 'STORE_UNAVAILABLE',
    });
    node!.connection.heal();
    await until(() => !node!.revocations!.journal.standing.isBehind, 'heard');
    expect(await node!.ask(token)).toMatchObject(ALIVE);
  });

  it('moves no idle end', async () => {
    const { nodes, clock } = await openNodes(1);
    const [node] = nodes;
    const { token } = await node!.signIn();
    node!.connection.cut();
    clock.advance(20 * MINUTE);
    await settled();
    const { lat, exp } = claimsIn(token);
    const reloaded = await node!.authenticate(token);
    expect(reloaded).toMatchObject({ claims: { exp, lat: lat + 20 * MINUTE } });
    node!.connection.heal();
    await until(() => !node!.revocations!.journal.standing.isBehind, 'heard');
    clock.advance(20 * MINUTE);
    await settled();
    expect(await node!.authenticate(token)).toMatchObject({
      claims: { exp: exp + 40 * MINUTE },
    });
  });

  it('does not move one by a refresh either', async () => {
    const { nodes, clock } = await openNodes(1, { refreshToken: {} });
    const [node] = nodes;
    const { refreshToken } = await node!.signIn();
    node!.connection.cut();
    clock.advance(20 * MINUTE);
    await settled();
    const { result } = await refreshWith(node!, refreshToken);
    expect(result.kind).toBe('signed');
    const child =
      result.kind === 'signed' ? result.signed.refreshToken! : refreshToken!;
    expect(claimsIn(child)['exp']).toBe(claimsIn(refreshToken)['exp']);
  });

  it('knows of entries that it cannot read, until they end nothing more', async () => {
    const { nodes, clock, log } = await openNodes(1, {
      whenLagging: 'refuse',
      dataRefreshInterval: '1h',
    });
    const [node] = nodes;
    const { token } = await node!.signIn();
    const realm = await realmIn(node!);
    const matters = clock.nowSeconds() + 600;
    await log.append(
      [JSON.stringify({ v: 2, realm, kind: 'tenant', until: matters })],
      { retentionSeconds: 900 },
    );
    await settled();
    expect(node!.revocations!.journal.standing.reason).toBe('unreadable');
    expect(await node!.ask(token)).toMatchObject({
      unavailable: 'STORE_UNAVAILABLE',
    });
    clock.advance(600);
    await settled();
    expect(await node!.ask(token)).toMatchObject(ALIVE);
  });

  it('ignores the entries of other applications', async () => {
    const { nodes, log } = await openNodes(1, { whenLagging: 'refuse' });
    const [node] = nodes;
    const { token } = await node!.signIn();
    const foreign = { realm: 'of-another-app', at: 9e9, until: 9e9 };
    await log.append(
      [
        JSON.stringify({ v: 1, kind: 'everything', ...foreign }),
        JSON.stringify({ v: 9, kind: 'whatever', ...foreign }),
      ],
      { retentionSeconds: 900 },
    );
    await settled();
    expect(await node!.ask(token)).toMatchObject(ALIVE);
  });

  it('never accepts when it has no room, whatever it is told to do', async () => {
    const { nodes } = await openNodes(2, {
      whenLagging: 'accept',
      maxEntries: 1_000,
    });
    const [first, second] = nodes;
    const { token } = await first!.signIn('eve');
    for (let i = 0; i < 1_001; i += 1) {
      await first!.revocation.endNamed(`session ${i}`, `subject ${i}`);
    }
    await settled();
    expect(second!.revocations!.journal.standing.reason).toBe('full');
    expect(await second!.ask(token)).toMatchObject({
      unavailable: 'STORE_UNAVAILABLE',
    });
    await until(
      () => second!.heard.some(({ type }) => type === 'revocationsFilling'),
      'the alarm',
    );
  });

  it('asks the store once about each session that began before a gap', async () => {
    const store = new MemorySessionStore();
    const { nodes, clock } = await openNodes(2, { store });
    const [first, second] = nodes;
    const ended = await first!.signIn();
    const other = await first!.signIn();
    // The entry is lost.
    second!.connection.alter = (batch) => ({
      ...batch,
      entries: batch.entries.filter((entry) => entry.includes('"proof"')),
    });
    await first!.revocation.end(claimsIn(ended.token));
    await settled();
    expect(await second!.ask(ended.token)).toMatchObject(ALIVE);
    second!.connection.alter = (batch) => ({ ...batch, hasGap: true });
    await first!.revocations!.journal.caughtUp();
    await settled();
    second!.connection.alter = (batch) => batch;
    const read = store.read.bind(store);
    const asked: string[] = [];
    store.read = (id, ...rest) => {
      asked.push(id);
      return read(id, ...rest);
    };
    const confirm = store.confirm?.bind(store);
    if (confirm) {
      store.confirm = (id, ...rest) => {
        asked.push(id);
        return confirm(id, ...rest);
      };
    }
    for (let i = 0; i < 3; i += 1) {
      expect(await second!.ask(other.token)).toMatchObject(ALIVE);
    }
    expect(asked).toEqual([other.sid]);
    expect(await second!.ask(ended.token)).toMatchObject({
      refusal: 'unknown',
    });
    const later = await first!.signIn('bob');
    expect(await second!.ask(later.token)).toMatchObject({ subject: 'bob' });
    expect(asked).toEqual([other.sid, ended.sid, later.sid]);
    // Data that was loaded since has met the store.
    const loading = await first!.signIn('cyd');
    clock.advance(1);
    await settled();
    const reloaded = await first!.issuing!.reload.reloadNow(
      (await first!.authenticate(loading.token)) as VerifiedSession,
      [],
      false,
    );
    asked.length = 0;
    const { token } = reloaded as SignedSession;
    expect(await second!.ask(token)).toMatchObject({ subject: 'cyd' });
    expect(asked).toEqual([]);
  });
});

describe('what outlives its requests', () => {
  const REVOCATIONS = [
    ['revoke', 1],
    ['revokeAll', 2],
    ['revokeEverything', 3],
  ] as const;

  it.each(REVOCATIONS)(
    'ends on every node: %s ends %i of 3',
    async (method, count) => {
      const { nodes } = await openNodes(2);
      const [first, second] = nodes;
      const tokens = [
        await first!.signIn(),
        await first!.signIn(),
        await first!.signIn('eve'),
      ];
      const ended: string[] = [];
      for (const { token, sid } of tokens) {
        const verified = (await second!.authenticate(token)) as VerifiedSession;
        second!.live.add(verified, {
          end: (reason) => ended.push(`${sid} ${reason}`),
        });
      }
      if (method === 'revoke') {
        await first!.revocation.endNamed(tokens[0]!.sid, 'ada');
      } else if (method === 'revokeAll') {
        await first!.revokeAll();
      } else {
        await first!.revocation.endEverything();
      }
      await settled();
      expect(ended).toEqual(
        tokens.slice(0, count).map(({ sid }) => `${sid} ended`),
      );
    },
  );

  it('is asked about while its node may miss revocations', async () => {
    const { nodes, clock } = await openNodes(2, {
      store: new MemorySessionStore(),
    });
    const [first, second] = nodes;
    const { token, sid } = await first!.signIn();
    const verified = (await second!.authenticate(token)) as VerifiedSession;
    const live = second!.live.add(verified, { end: () => undefined });
    second!.connection.cut();
    await first!.revocation.endNamed(sid, 'ada');
    await settled();
    expect(await second!.live.admit(live, false, false)).toMatchObject({
      kind: 'authenticated',
    });
    clock.advance(2);
    await settled();
    expect(await second!.live.admit(live, false, false)).toMatchObject({
      kind: 'rejected',
    });
  });

  it('handles nothing while its node refuses', async () => {
    const { nodes, clock } = await openNodes(1, { whenLagging: 'refuse' });
    const [node] = nodes;
    const { token } = await node!.signIn();
    const verified = (await node!.authenticate(token)) as VerifiedSession;
    const live = node!.live.add(verified, { end: () => undefined });
    node!.connection.cut();
    clock.advance(2);
    await settled();
    expect(await node!.live.admit(live, false, false)).toMatchObject({
      kind: 'unavailable',
    });
    expect(live.ended).toBeUndefined();
  });
});

describe('a service that only verifies', () => {
  const SHARED = { secret: SECRET, issuer: 'https://app.example' };

  async function openService(
    options: NodesOptions = {},
    ofService: Partial<SessionJwtModuleOptions> = {},
  ) {
    const issuing = await openNodes(1, { ...SHARED, ...options });
    const { nodes, clock } = await openNodes(
      1,
      { ...SHARED, verifyOnly: true, ...ofService },
      issuing,
    );
    // It learns the time of the log from the second proof that it hears.
    await issuing.nodes[0]!.revocations!.journal.caughtUp();
    await settled();
    return { issuer: issuing.nodes[0]!, service: nodes[0]!, clock };
  }

  it('refuses what was revoked, in requests and as a token', async () => {
    const { issuer, service } = await openService();
    const { token, sid } = await issuer.signIn();
    expect(await service.ask(token)).toMatchObject(ALIVE);
    expect(await service.inspection.inspect(token)).toMatchObject({
      kind: 'authenticated',
    });
    await issuer.revocation.endNamed(sid, 'ada');
    await settled();
    expect(await service.ask(token)).toMatchObject({ refusal: 'ended' });
    expect(await service.inspection.inspect(token)).toBe('ended');
  });

  it('appends nothing', async () => {
    const { issuer, service } = await openService();
    const { token } = await issuer.signIn();
    const claims = claimsIn(token) as { sid: string; sub: string };
    await service.revocation.end(claims);
    await settled();
    expect(service.connection.appended).toEqual([]);
    expect(await issuer.ask(token)).toMatchObject(ALIVE);
    await expect(
      service.revocation.endAll('ada', undefined),
    ).rejects.toMatchObject({ code: 'STORE_REQUIRED' });
    await expect(service.revocation.endEverything()).rejects.toMatchObject({
      code: 'SIGNING_KEY_REQUIRED',
    });
  });

  it('accepts no data that is older than the log remembers', async () => {
    const { issuer, service, clock } = await openService(
      { store: new MemorySessionStore(), dataRefreshInterval: '5m' },
      { dataRefreshInterval: '2h', loader: { maxStale: '1h' } },
    );
    const { token } = await issuer.signIn();
    // 5 minutes, as long again for stale data, the tolerance and the lag.
    clock.advance(606);
    await issuer.revocations!.journal.caughtUp();
    await settled();
    expect(await service.ask(token)).toMatchObject(ALIVE);
    clock.advance(1);
    await issuer.revocations!.journal.caughtUp();
    await settled();
    expect(await service.ask(token)).toEqual({ refusal: 'stale', clears: [] });
    expect(await service.inspection.inspect(token)).toBe('stale');
  });

  it('does not wait for a log that is empty, or without a writer, for longer than the lag', async () => {
    const { nodes } = await openNodes(1, { ...SHARED, verifyOnly: true });
    const [service] = nodes;
    await service!.revocations!.ready();
    expect(service!.revocations!.journal.standing.reason).toBe('silent');
  });

  it('knows that it may miss revocations while nobody writes to the log', async () => {
    const { issuer, service, clock } = await openService({}, {});
    const { token } = await issuer.signIn();
    issuer.connection.cut();
    clock.advance(2);
    await settled();
    expect(service.revocations!.journal.standing.reason).toBe('silent');
    expect(await service.ask(token)).toMatchObject(ALIVE);
  });
});

describe('an append that fails', () => {
  it('is told to the caller, has ended the session here and in the store, and is tried again', async () => {
    const store = new MemorySessionStore();
    const { nodes } = await openNodes(2, { store });
    const [first, second] = nodes;
    const { token, sid } = await first!.signIn();
    const claims = claimsIn(token) as { sid: string; sub: string };
    first!.connection.failure = new Error('connection refused');
    await expect(first!.revocation.end(claims)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
    expect(await store.read(sid, 'ada')).toBeUndefined();
    expect(await first!.ask(token)).toMatchObject(ENDED);
    expect(await second!.ask(token)).toMatchObject(ALIVE);
    first!.connection.failure = undefined;
    await until(
      () => first!.revocations!.journal.unconfirmed === 0,
      'the entry is appended',
    );
    await settled();
    expect(await second!.ask(token)).toMatchObject(ENDED);
    expect(first!.heard.map(({ type }) => type)).toContain('revocationsFailed');
  });

  it.each(['revokeAll', 'revokeEverything'])(
    'for many sessions (%s) spares what begins afterwards, in the same second, and ends what began before once it succeeds',
    async (method) => {
      const { nodes, clock } = await openNodes(2);
      const [first, second] = nodes;
      const before = await first!.signIn();
      clock.advance(1);
      await settled();
      first!.connection.failure = new Error('connection refused');
      const called =
        method === 'revokeAll'
          ? first!.revokeAll()
          : first!.revocation.endEverything();
      await expect(called).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
      const later = await second!.signIn();
      expect(later.oiat).toBe(clock.nowSeconds());
      expect(await first!.ask(later.token)).toMatchObject(ALIVE);
      first!.connection.failure = undefined;
      await until(
        () => first!.revocations!.journal.unconfirmed === 0,
        'the entry is appended',
      );
      await settled();
      for (const node of nodes) {
        expect(await node.ask(before.token)).toMatchObject(ENDED);
        expect(await node.ask(later.token)).toMatchObject(ALIVE);
      }
    },
  );

  it('does not keep anyone from signing in or out here', async () => {
    const { nodes } = await openNodes(1, { storeTimeout: '20ms' });
    const [node] = nodes;
    node!.connection.failure = new Error('connection refused');
    const { token } = await node!.signIn();
    expect(await node!.ask(token)).toMatchObject(ALIVE);
    await expect(
      node!.revocation.end(claimsIn(token) as { sid: string; sub: string }),
    ).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(await node!.ask(token)).toMatchObject(ENDED);
  });
});

describe('a crash', () => {
  it('between the end of the record and the log leaves what a store alone promises', async () => {
    const store = new MemorySessionStore();
    const { nodes, clock } = await openNodes(2, { store });
    const [first, second] = nodes;
    const { token, sid } = await first!.signIn();
    // The process that ended the record is gone before it appends.
    await store.end(sid, 'ada');
    expect(await second!.ask(token)).toMatchObject(ALIVE);
    clock.advance(15 * MINUTE);
    await second!.revocations!.journal.caughtUp();
    expect(await second!.ask(token)).toMatchObject({ refusal: 'unknown' });
    // Another attempt reaches every node.
    await first!.revocation.endNamed(sid, 'ada');
    await settled();
    expect(await second!.ask(token)).toMatchObject(ENDED);
  });
});

describe('an account that is revoked without end', () => {
  const REVOCATIONS = rounds(100_000, 2_000);

  it(`does not fill the memory: ${REVOCATIONS} revocations`, async () => {
    const { nodes } = await openNodes(2);
    const [first, second] = nodes;
    const other = await first!.signIn('eve');
    const before = await first!.signIn();
    for (let i = 0; i < REVOCATIONS; i += 1) {
      await first!.revocation.endNamed(`session ${i}`, 'ada');
      // Up to 100 name a session each, and end no other.
      if (i === 99)
        expect(await second!.ask(before.token)).toMatchObject(ALIVE);
    }
    await settled();
    for (const { revocations } of nodes) {
      expect(revocations!.journal.live.size).toBeLessThanOrEqual(101);
    }
    expect(await second!.ask(before.token)).toMatchObject(ENDED);
    expect(await second!.ask(other.token)).toMatchObject({ subject: 'eve' });
    const later = await second!.signIn();
    expect(await first!.ask(later.token)).toMatchObject(ALIVE);
  });
});

describe('a new session of an account with many that ended', () => {
  const ROUNDS = 130;

  it.each([
    ['replaces the one of its client', {}],
    ['makes a store end the oldest', { max: 1 }],
  ])('lives, whenever it %s', async (_what, { max }: { max?: number }) => {
    const { nodes, clock } = await openNodes(2, {
      ...(max !== undefined && {
        store: new MemorySessionStore(),
        maxSessions: { max, policy: 'end-oldest' as const },
      }),
    });
    const [first, second] = nodes;
    let cookie: string | undefined;
    for (let round = 0; round < ROUNDS; round += 1) {
      const { token } = await first!.issuing!.issuer.generate(
        'ada',
        {},
        max === undefined && cookie !== undefined
          ? carrying({ cookie })
          : undefined,
      );
      await settled();
      for (const node of nodes) {
        expect(await node.ask(token)).toMatchObject(ALIVE);
      }
      // Half of them follow each other within a second.
      if (round % 2 === 0) clock.advance(1);
      cookie = token;
    }
    expect(second!.revocations!.journal.live.isCrowded('ada')).toBe(true);
  });

  it('ends together with those before it when it is revoked, and not with those after', async () => {
    const { nodes, clock } = await openNodes(2);
    const [first, second] = nodes;
    for (let i = 0; i < 100; i += 1) {
      await first!.revocation.endNamed(`session ${i}`, 'ada');
    }
    const older = await first!.signIn();
    clock.advance(1);
    await settled();
    const revoked = await first!.signIn();
    clock.advance(1);
    await settled();
    const younger = await first!.signIn();
    await second!.revocation.end(claimsIn(revoked.token));
    await settled();
    for (const node of nodes) {
      expect(await node.ask(older.token)).toMatchObject(ENDED);
      expect(await node.ask(revoked.token)).toMatchObject(ENDED);
      expect(await node.ask(younger.token)).toMatchObject(ALIVE);
    }
  });
});

describe('clocks of nodes that differ', () => {
  it.each([-3, 3])(
    'by %i s change nothing: the clock of the log decides',
    async (seconds) => {
      const { nodes, log, clock } = await openNodes(1);
      const shifted = new TestSessionClock(clock.nowSeconds() + seconds);
      const others = await openNodes(1, {}, { clock: shifted, log });
      const [first] = nodes;
      const [second] = others.nodes;
      for (let round = 0; round < 3; round += 1) {
        const mine = await first!.signIn();
        const theirs = await second!.signIn();
        for (const node of [first!, second!]) {
          expect(await node.ask(mine.token)).toMatchObject(ALIVE);
          expect(await node.ask(theirs.token)).toMatchObject(ALIVE);
        }
        await (round % 2 ? first! : second!).revokeAll();
        await settled();
        for (const node of [first!, second!]) {
          expect(await node.ask(mine.token)).toMatchObject(ENDED);
          expect(await node.ask(theirs.token)).toMatchObject(ENDED);
        }
        const later = await (round % 2 ? second! : first!).signIn();
        for (const node of [first!, second!]) {
          expect(await node.ask(later.token)).toMatchObject(ALIVE);
        }
        clock.advance(5);
        shifted.advance(5);
        await settled();
      }
    },
  );
});

describe('without a log and a store', () => {
  it.each([
    ['revokeAll', 'STORE_REQUIRED'],
    ['revokeEverything', 'STORE_REQUIRED'],
  ])('%s says what it needs: %s', async (method, code) => {
    const { openRuntime } = await import('./session-runtime.js');
    const { revocation } = await openRuntime();
    const called =
      method === 'revokeAll'
        ? revocation.endAll('ada', undefined)
        : revocation.endEverything();
    await expect(called).rejects.toMatchObject({ code });
  });
});

async function realmIn(node: {
  connection: { appended: string[] };
  revocation: { endNamed(id: string, subject: string): Promise<boolean> };
}): Promise<string> {
  await node.revocation.endNamed('some session', 'somebody');
  const [entry] = node.connection.appended;
  return (JSON.parse(entry!) as { realm: string }).realm;
}
