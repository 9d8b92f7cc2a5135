import { createSecretKey, generateKeyPairSync } from 'node:crypto';
import { connect } from 'node:net';
import {
  MemorySessionStore,
  SessionDataLoader,
  SessionError,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import { DailyKeys } from '../../lib/keys/daily-keys.js';
import { keysOfSecrets } from '../../lib/keys/key-set.js';
import { thumbprintOf } from '../../lib/keys/thumbprint.js';
import type { TokenKey } from '../../lib/keys/token-key.js';
import { send } from '../support/browser.js';
import { rounds } from '../support/effort.js';
import { forgeToken } from '../support/forged-token.js';
import { openTestApp } from '../support/opened-apps.js';
import { claimsOf } from '../support/session-claims.js';
import { adapters, SECRET, type TestApp } from '../support/test-app.js';
import { signingKeyOf } from '../support/token-keys.js';
import { UnhandledErrors } from '../support/unhandled.js';
import { describeVectors, report } from '../support/vectors.js';
import { contentOf, FORMATS, tokenKey } from './one-key.js';

type Mode = keyof typeof FORMATS;
const modes: [Mode][] = [['secrets'], ['pairs'], ['encryption']];

const PAIR = generateKeyPairSync('ed25519');
const SHARED = createSecretKey(Buffer.from(SECRET));

/** Data that can only be right if the params are. */
class EchoLoader extends SessionDataLoader<string, object> {
  load(params: string): object {
    return { text: params, [`${params} `]: [params] };
  }
}

const slots = {
  cookie: (token: string) => ({ Cookie: `__Host-Http-session=${token}` }),
  header: (token: string) => ({ Authorization: `Bearer ${token}` }),
};

/** Works on a few at a time. */
async function inBatches<T>(
  values: readonly T[],
  work: (value: T, index: number) => Promise<void>,
): Promise<void> {
  for (let i = 0; i < values.length; i += 16) {
    await Promise.all(
      values.slice(i, i + 16).map((value, k) => work(value, i + k)),
    );
  }
}

describeVectors('a naughty string', 'naughty-strings', (read) => {
  const all = read<string[]>('blns.json');
  const strings = all.filter((_, i) => i % rounds(1, 12) === 0);
  const isRefused = (text: string) => text.length === 0 || text.length > 255;
  const unhandled = new UnhandledErrors();
  beforeAll(() => unhandled.start());
  afterAll(() => unhandled.stop());
  afterEach(async () => expect(await unhandled.settled()).toEqual([]));

  it('is one of 515', () => {
    expect(all).toHaveLength(515);
  });

  describe.each(adapters)('on %s', (adapter) => {
    describe.each(modes)('where tokens are protected by %s', (mode) => {
      let asked: number;

      function open(): Promise<TestApp> {
        asked = 0;
        const protection: Record<Mode, Partial<SessionJwtModuleOptions>> = {
          secrets: {},
          pairs: {
            keys: () => {
              asked += 1;
              return [{ algorithm: 'EdDSA', privateKey: PAIR.privateKey }];
            },
          },
          encryption: { encrypt: true },
        };
        return openTestApp(adapter, {
          session: { transport: ['cookie', 'header'], ...protection[mode] },
          extras: { dataLoader: EchoLoader },
        });
      }

      function signingKey(app: TestApp): TokenKey {
        switch (mode) {
          case 'secrets':
            return signingKeyOf(keysOfSecrets([SHARED]));
          case 'pairs':
            return {
              ...tokenKey('EdDSA', PAIR.publicKey, PAIR.privateKey),
              kid: thumbprintOf(PAIR.publicKey.export({ format: 'jwk' })),
            };
          case 'encryption':
            return signingKeyOf(
              new DailyKeys([SHARED], 'encrypt-session', () =>
                app.clock.nowSeconds(),
              ),
            );
        }
      }

      it('comes back exactly as the subject, the params, the data and the attributes of a session, or is refused for its length (V-40)', async () => {
        const app = await open();
        const sessions: { text: string; token: string; subject: string }[] = [];
        let refused = 0;
        let tooLarge = 0;
        await inBatches(strings, async (text) => {
          const attributes = { value: text, [` ${text}`]: [text] };
          const isSubject = !isRefused(text);
          if (!isSubject) {
            const error: unknown = await app.sessions
              .generate(text, { attributes })
              .catch((thrown: unknown) => thrown);
            expect(error).toBeInstanceOf(SessionError);
            expect((error as SessionError).code).toBe('SUBJECT_REQUIRED');
            refused += 1;
          }
          const subject = isSubject ? text : 'ada';
          const options = { attributes, subject };
          const { token } = await app.sessions
            .generate(text, options)
            .catch((error: SessionError) => {
              // Some are too long, seven times over, for a cookie.
              expect(error.code).toBe('SESSION_TOO_LARGE');
              tooLarge += 1;
              return app.sessions.generate(text, {
                ...options,
                transport: 'header',
              });
            });
          expect(
            contentOf(FORMATS[mode], token, signingKey(app)),
          ).toBeDefined();
          sessions.push({ text, token, subject });
        });
        expect(sessions).toHaveLength(strings.length);
        expect(refused).toBe(strings.filter(isRefused).length);
        expect(tooLarge).toBeLessThanOrEqual(5);

        let readBack = 0;
        const readAll = () =>
          inBatches(sessions, async ({ text, token, subject }, i) => {
            const isForCookie = token.length < 4_000 && i % 2 === 0;
            const slot = isForCookie ? slots.cookie : slots.header;
            const response = await send(app.port, {
              path: '/me',
              headers: slot(token),
            });
            expect(response.status).toBe(200);
            expect(response.json).toMatchObject({
              subject,
              data: { text, [`${text} `]: [text] },
              attributes: { value: text, [` ${text}`]: [text] },
            });
            readBack += 1;
          });
        await readAll();
        // The loader is now given the params that are in the token.
        app.clock.advance('15m');
        await readAll();
        expect(app.eventsOf('reloaded')).toHaveLength(strings.length);
        expect(app.eventsOf('rejected')).toEqual([]);
        report(
          `naughty strings on ${adapter} with ${mode}: ${readBack} of ${2 * strings.length} sessions read back, ${refused} strings refused as a subject, ${tooLarge} for a cookie`,
        );
      });

      it('names no key: a token that is valid except for its kid is refused (V-40)', async () => {
        const app = await open();
        const key = signingKey(app);
        const claims = claimsOf({
          data: { text: '' },
          iat: app.clock.nowSeconds(),
        });
        const withKid = (kid: string) =>
          mode === 'secrets'
            ? forgeToken({ alg: 'HS256', typ: 'session+jwt', kid }, claims)
            : FORMATS[mode].protect(claims, 'session+jwt', { ...key, kid });
        const status = async (slot: keyof typeof slots, kid: string) => {
          const headers = slots[slot](withKid(kid));
          return (await send(app.port, { path: '/me', headers })).status;
        };
        for (const slot of ['cookie', 'header'] as const) {
          expect(await status(slot, key.kid)).toBe(200);
          app.events.length = 0;
          const before = asked;
          await inBatches(strings, async (text) => {
            expect(await status(slot, text)).toBe(401);
          });
          const reasons = app.eventsOf('rejected').map((each) => each.reason);
          const possible = strings.filter((text) =>
            /^[A-Za-z0-9_.-]{1,128}$/.test(text),
          ).length;
          expect(possible).toBeGreaterThan(strings.length / 50);
          expect(reasons).toHaveLength(strings.length);
          expect(reasons.filter((each) => each === 'unknown-key')).toHaveLength(
            possible,
          );
          expect(reasons.filter((each) => each === 'header')).toHaveLength(
            strings.length - possible,
          );
          // All of them together have the keys asked for at most once.
          expect(asked - before).toBeLessThanOrEqual(1);
        }
        expect(asked).toBe(mode === 'pairs' ? 2 : 0);
      });

      it('is no token: it is answered with 401, or with 400 or 431 by node itself (V-40)', async () => {
        const app = await open();
        const answers = new Map<number, number>();
        for (const slot of Object.values(slots)) {
          await inBatches(strings, async (text) => {
            for (const form of [text, encodeURIComponent(text)]) {
              const status = await rawStatus(app.port, slot(form));
              answers.set(status, (answers.get(status) ?? 0) + 1);
            }
          });
        }
        report(
          `naughty strings on ${adapter} with ${mode} for a token: ${JSON.stringify(Object.fromEntries(answers))}`,
        );
        expect(
          [...answers.keys()].filter(
            (status) => ![400, 401, 431].includes(status),
          ),
        ).toEqual([]);
        // Nearly all of them came as far as the guard.
        expect(answers.get(401)).toBeGreaterThan(4 * 0.92 * strings.length);
        expect(app.account.handled).toBe(0);
        const { token } = await app.sessions.generate('ada');
        for (const slot of Object.values(slots)) {
          expect(await rawStatus(app.port, slot(token))).toBe(200);
        }
      });
    });

    it('comes back exactly as the user agent, the address and the label of a device (V-40)', async () => {
      const app = await openTestApp(adapter, {
        session: { store: new MemorySessionStore() },
      });
      await inBatches(strings, async (text, i) => {
        const metadata = { userAgent: text, ip: text, label: String(i) };
        await app.sessions.generate('ada', { metadata });
      });
      const devices = await app.sessions.list('ada');
      expect(devices).toHaveLength(strings.length);
      for (const { metadata } of devices) {
        const text = strings[Number(metadata.label)];
        expect(metadata).toMatchObject({ userAgent: text, ip: text });
      }
    });
  });
});

/** The status of the answer to a request with exactly these bytes in its headers. */
function rawStatus(
  port: number,
  headers: Record<string, string>,
): Promise<number> {
  const lines = Object.entries(headers).map(
    ([name, value]) => `${name}: ${value}`,
  );
  return new Promise((resolve, reject) => {
    let answer = '';
    const socket = connect(port, '127.0.0.1', () =>
      socket.write(
        [
          'GET /me HTTP/1.1',
          'Host: app.example',
          'Connection: close',
          ...lines,
          '',
          '',
        ].join('\r\n'),
      ),
    );
    socket.setEncoding('latin1');
    socket.on('data', (text: string) => {
      answer += text;
    });
    // Node closes with a reset where it stopped reading; what counts is the answer.
    socket.on('error', () => {});
    socket.on('close', () => {
      const [, status] = /^HTTP\/1\.1 (\d{3}) /.exec(answer) ?? [];
      if (status === undefined) {
        reject(new Error('no answer'));
      } else {
        resolve(Number(status));
      }
    });
  });
}
