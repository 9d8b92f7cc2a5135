import { createSecretKey } from 'node:crypto';
import { Test } from '@nestjs/testing';
import {
  SessionClock,
  SessionConfigError,
  SessionJwtModule,
  SessionService,
  type SessionEvent,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import { kidOfSecret } from '../../lib/keys/derive.js';
import { TestSessionClock } from '../../lib/testing/test-session-clock.js';
import { CapturedLogs } from '../support/captured-logs.js';
import { forgeToken, readToken } from '../support/forged-token.js';
import { keyPairs, otherKeyPairs } from '../support/key-pairs.js';
import { OTHER_SECRET, SECRET } from '../support/secrets.js';
import { rows } from '../support/titles.js';
import { UnhandledErrors } from '../support/unhandled.js';

const DEADLINE = '50ms';
const unhandled = new UnhandledErrors();
const running: { close(): Promise<void> }[] = [];
beforeAll(() => unhandled.start());
afterAll(() => unhandled.stop());
afterEach(async () => {
  await Promise.all(running.splice(0).map((each) => each.close()));
  expect(await unhandled.settled()).toEqual([]);
});

async function start(session: SessionJwtModuleOptions) {
  const clock = new TestSessionClock();
  const moduleRef = await Test.createTestingModule({
    imports: [
      SessionJwtModule.forRoot({
        keyCache: { timeout: DEADLINE },
        ...session,
        dataLoader: false,
      }),
    ],
  })
    .setLogger(new CapturedLogs())
    .overrideProvider(SessionClock)
    .useValue(clock)
    .compile();
  running.push(moduleRef);
  const sessions = moduleRef.get(SessionService);
  const events: SessionEvent[] = [];
  sessions.events$.subscribe((event) => events.push(event));
  const signIn = async () => {
    const { token } = await sessions.generate(
      { id: 'ada' },
      { subject: 'ada' },
    );
    return token;
  };
  return { clock, sessions, signIn, events };
}

/** A function of the application, and what it does when it is asked. */
function provider<T>(answer: (signal: AbortSignal) => T) {
  const provided = {
    calls: 0,
    answer,
    give: ({ signal }: { signal: AbortSignal }): T => {
      provided.calls += 1;
      return provided.answer(signal);
    },
  };
  return provided;
}

/** What a function gives that has no key: each would do as an empty key if it were used as one. */
const NO_SECRETS = [
  undefined,
  null,
  '',
  Buffer.alloc(0),
  0,
  {},
  [],
  [''],
  false,
];
const FAILURES: readonly (readonly [
  how: string,
  answer: (signal: AbortSignal) => unknown,
])[] = [
  ...rows(NO_SECRETS).flatMap(
    ([title, value]) =>
      [
        [`gives ${title}`, () => value],
        [`gives a promise of ${title}`, async () => value],
      ] as const,
  ),
  [
    'throws',
    () => {
      throw new Error('vault sealed');
    },
  ],
  ['rejects', () => Promise.reject(new Error('vault sealed'))],
  ['hangs until the deadline', () => new Promise(() => {})],
  [
    'gives a secret too late',
    (signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve(OTHER_SECRET));
      }),
  ],
];

/** Tokens of somebody who guesses that an absent key became an empty one, or its name as text. */
function forgedWithNothing(token: string): string[] {
  const { header, claims } = readToken(token);
  return ['', 'undefined', 'null', '0', '[object Object]', 'false'].flatMap(
    (text) => {
      const key = createSecretKey(Buffer.from(text));
      return [header, { ...header, kid: kidOfSecret(key) }].map((each) =>
        forgeToken(each, { ...claims, sub: 'eve' }, key),
      );
    },
  );
}

describe('a function at secret', () => {
  it.each(FAILURES)(
    'that %s at boot stops it (A-015, V-08, V-09)',
    async (_how, answer) => {
      const secret = provider(answer);
      const error = await start({ secret: secret.give as never }).catch(
        (thrown: unknown) => thrown,
      );
      expect(error).toBeInstanceOf(SessionConfigError);
      const { faults, cause } = error as SessionConfigError;
      // What it gave is named by its fault, what it threw is the cause.
      expect(faults).toEqual([
        expect.stringMatching(
          cause === undefined
            ? /^secret(\[0\])?: (is not set|expected at least 32 bytes, got 0|expected a string)/
            : /^the function that provides the secret or the keys failed; see cause$/,
        ),
      ]);
      expect(secret.calls).toBe(1);
    },
  );

  it.each(FAILURES)(
    'that %s later leaves the keys as they are, and says so (A-015, V-08)',
    async (_how, answer) => {
      const secret = provider((): unknown => SECRET);
      const { sessions, signIn, events, clock } = await start({
        secret: secret.give as never,
      });
      const token = await signIn();
      secret.answer = answer;
      await expect(sessions.reloadKeys()).rejects.toMatchObject({
        code: 'KEYS_UNAVAILABLE',
      });
      clock.advance('10m');
      const later = await signIn();
      for (const good of [token, later]) {
        await expect(sessions.verify(good)).resolves.toMatchObject({
          subject: 'ada',
        });
      }
      for (const forged of forgedWithNothing(token)) {
        await expect(sessions.verify(forged)).rejects.toMatchObject({
          code: expect.stringMatching(/^(TOKEN_INVALID|KEY_UNKNOWN)$/),
        });
      }
      const failed = events.filter(({ type }) => type === 'keysFailed');
      expect(failed.length).toBeGreaterThan(0);
      expect(failed[0]).toMatchObject({ error: expect.any(Error) });
    },
  );

  it('names the option and the fault in its error and in its event, and not what it gave (A-168)', async () => {
    const secret = provider((): unknown => SECRET);
    const { sessions, events } = await start({ secret: secret.give as never });
    const weak = OTHER_SECRET.slice(0, 20);
    secret.answer = () => weak;
    await expect(sessions.reloadKeys()).rejects.toThrow();
    const [failed] = events.filter((event) => event.type === 'keysFailed');
    expect(failed?.error).toBeInstanceOf(SessionConfigError);
    const { message } = failed!.error as SessionConfigError;
    expect(message).toMatch(
      /secret: expected at least 32 bytes, got \d+ when decoded; make one with/,
    );
    expect(message).not.toContain(weak.slice(0, 8));
  });

  it('is aborted by its signal when no caller waits for it any more (A-015)', async () => {
    let told: unknown;
    const secret = provider(
      (signal) =>
        new Promise<string>((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            told = signal.reason;
            reject(new Error('stopped'));
          });
        }),
    );
    const error = await start({ secret: secret.give }).catch(
      (thrown: unknown) => thrown,
    );
    expect(told).toEqual(new Error('the keys took longer than 0.05 s'));
    expect((error as Error).cause).toBe(told);
  });

  it('rotates: the old secret verifies until it is removed, then its tokens name no key (A-012, A-013, V-44)', async () => {
    const secret = provider((): string[] => [SECRET]);
    const { sessions, signIn } = await start({ secret: secret.give });
    const first = await signIn();
    secret.answer = () => [OTHER_SECRET, SECRET];
    await sessions.reloadKeys();
    const second = await signIn();
    expect(readToken(second).header['kid']).not.toBe(
      readToken(first).header['kid'],
    );
    for (const token of [first, second]) {
      await expect(sessions.verify(token)).resolves.toMatchObject({
        subject: 'ada',
      });
    }
    secret.answer = () => [OTHER_SECRET];
    await sessions.reloadKeys();
    await expect(sessions.verify(first)).rejects.toMatchObject({
      code: 'KEY_UNKNOWN',
    });
    await expect(sessions.verify(second)).resolves.toMatchObject({
      subject: 'ada',
    });
  });
});

describe('a function at keys', () => {
  const pair = { algorithm: 'ES256' as const, ...keyPairs.ES256 };
  const next = { algorithm: 'EdDSA' as const, ...keyPairs.EdDSA };

  it.each<(typeof FAILURES)[number]>([
    ...FAILURES,
    [
      'gives a key of another algorithm (V-18)',
      () => [{ ...pair, algorithm: 'EdDSA' }],
    ],
    ['gives no active key', () => [{ ...pair, state: 'next' }]],
  ])(
    'that %s stops the boot, and later changes nothing (A-015, V-08)',
    async (_how, answer) => {
      const none = provider(answer);
      const stopped = await start({ keys: none.give as never }).catch(
        (thrown: unknown) => thrown,
      );
      expect(stopped).toBeInstanceOf(SessionConfigError);
      const keys = provider((): unknown => [pair]);
      const { sessions, signIn } = await start({ keys: keys.give as never });
      const token = await signIn();
      const published = sessions.jwks();
      keys.answer = answer;
      await expect(sessions.reloadKeys()).rejects.toMatchObject({
        code: 'KEYS_UNAVAILABLE',
      });
      await expect(sessions.verify(token)).resolves.toMatchObject({
        subject: 'ada',
      });
      expect(sessions.jwks()).toEqual(published);
    },
  );

  it('rotates in three steps: next is published and verifies, then signs, and the old one goes (A-012, A-013)', async () => {
    const keys = provider((): object[] => [pair, { ...next, state: 'next' }]);
    const { sessions, signIn } = await start({ keys: keys.give as never });
    // Another node that has made the next key active already.
    const ahead = await start({
      keys: [next, { ...pair, state: 'retiring' }],
      keyCache: undefined as never,
    });
    const [early, first] = [await ahead.signIn(), await signIn()];
    expect(sessions.jwks().keys.map(({ alg }) => alg)).toEqual([
      'ES256',
      'EdDSA',
    ]);
    expect(readToken(first).header['alg']).toBe('ES256');
    for (const token of [early, first]) {
      await expect(sessions.verify(token)).resolves.toBeDefined();
    }
    keys.answer = () => [{ ...pair, state: 'retiring' }, next];
    await sessions.reloadKeys();
    expect(readToken(await signIn()).header['alg']).toBe('EdDSA');
    await expect(sessions.verify(first)).resolves.toBeDefined();
    expect(sessions.jwks().keys.map(({ alg }) => alg)).toEqual([
      'EdDSA',
      'ES256',
    ]);
    keys.answer = () => [next];
    await sessions.reloadKeys();
    await expect(sessions.verify(first)).rejects.toMatchObject({
      code: 'KEY_UNKNOWN',
    });
    expect(sessions.jwks().keys.map(({ alg }) => alg)).toEqual(['EdDSA']);
  });

  it('ends a key at exactly its until, though the function still gives it (A-012)', async () => {
    const clock = new TestSessionClock();
    const until = new Date((clock.nowSeconds() + 120) * 1_000);
    const keys = provider((): object[] => [
      { ...pair, ...otherKeyPairs.ES256 },
    ]);
    const {
      sessions,
      signIn,
      clock: now,
    } = await start({ keys: keys.give as never });
    const token = await signIn();
    keys.answer = () => [
      pair,
      { algorithm: 'ES256', publicKey: otherKeyPairs.ES256.publicKey, until },
    ];
    await sessions.reloadKeys();
    now.advance(119);
    await expect(sessions.verify(token)).resolves.toBeDefined();
    expect(sessions.jwks().keys).toHaveLength(2);
    now.advance(1);
    await expect(sessions.verify(token)).rejects.toMatchObject({
      code: 'KEY_UNKNOWN',
    });
    expect(sessions.jwks().keys).toHaveLength(1);
  });

  it('is called at most once per cool-down for 10,000 tokens with unknown kids (A-181)', async () => {
    const keys = provider((): object[] => [pair]);
    const { sessions, signIn, events, clock } = await start({
      keys: keys.give as never,
      keyCache: { coolDown: 30, maxAge: '1d' },
    });
    const { header, claims } = readToken(await signIn());
    const before = keys.calls;
    const flood = async (count: number) => {
      for (let i = 0; i < count; i += 1) {
        const forged = forgeToken({ ...header, kid: `forged-${i}` }, claims);
        await sessions
          .verify(`${forged}${'A'.repeat(43)}`)
          .catch(() => undefined);
      }
    };
    await flood(10_000);
    expect(keys.calls - before).toBe(1);
    clock.advance(30);
    await flood(100);
    expect(keys.calls - before).toBe(2);
    expect(events.filter(({ type }) => type === 'keysFailed')).toEqual([]);
  });
});
