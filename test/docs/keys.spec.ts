import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import {
  existsSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Controller, Get, VersioningType } from '@nestjs/common';
import {
  Session,
  SessionJwtModule,
  SessionService,
  type SessionEvent,
  type SessionJwtModuleOptions,
  type SessionKey,
} from '../../lib/index.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { newKeyPair } from '../support/key-pairs.js';
import { ROOT } from '../support/library-sources.js';
import { boot, closeBooted, type BootedApp } from '../support/nest-app.js';
import { headerIn } from '../support/session-claims.js';
import { adapters, type AdapterName } from '../support/test-app.js';
import { APPLICATION, blocks, moduleAt, page } from './keys-page.js';

/** The constants of the page, and what it takes for granted. */
type Snippets = Record<string, any>;

const folder = mkdtempSync(join(tmpdir(), 'session-keys-docs-'));
const pathOf = (name: string): string => join(folder, `${name}.ts`);

let count = 0;

async function importAt(origin?: string): Promise<Snippets> {
  const path = pathOf(`page-${(count += 1)}`);
  writeFileSync(path, moduleAt(origin));
  return {
    ...((await import(pathOf('application'))) as Snippets),
    ...((await import(path)) as Snippets),
  };
}

@Controller('me')
class MeController {
  @Get()
  me(@Session('subject') subject: string) {
    return { subject };
  }
}

let snippets: Snippets;
let clock: TestSessionClock;

beforeAll(async () => {
  writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
  symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'), 'dir');
  writeFileSync(pathOf('application'), APPLICATION);
  snippets = await importAt();
});

beforeEach(() => {
  clock = new TestSessionClock();
});

afterEach(closeBooted);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const opened = async (
  options: SessionJwtModuleOptions,
  adapter?: AdapterName,
): Promise<BootedApp> =>
  boot(
    {
      imports: [
        SessionJwtModule.forRoot({
          ...options,
          dataLoader: snippets['UserSessionLoader'],
        }),
      ],
      controllers: [MeController],
    },
    {
      ...(adapter && { adapter }),
      clock,
    },
  );

const serviceOf = async (
  options: SessionJwtModuleOptions,
): Promise<SessionService> => (await opened(options)).get(SessionService);

/** The code of the error with which a session token is refused, or whose it is. */
const verdict = (sessions: SessionService, token: string): Promise<string> =>
  sessions.verify(token).then(
    ({ subject }) => subject,
    ({ code }) => code as string,
  );

/** What nodes with these options make of each other's tokens: rows sign, columns verify. */
async function acceptance(steps: SessionJwtModuleOptions[]): Promise<string[]> {
  const nodes = await Promise.all(steps.map(serviceOf));
  return Promise.all(
    nodes.map(async (node) => {
      const { token } = await node.generate('ada');
      const verdicts = nodes.map((each) => verdict(each, token));
      return (await Promise.all(verdicts))
        .map((each) => (each === 'ada' ? 'yes' : each))
        .join(' ');
    }),
  );
}

describe('docs/keys.md', () => {
  it('is short, and links to headings and files that exist', () => {
    expect(page.split('\n').length).toBeLessThanOrEqual(201);
    const headings = [...page.matchAll(/^## (.+)$/gm)].map(
      ([, title]) => `#${title!.toLowerCase().replaceAll(/[ ,]+/g, '-')}`,
    );
    const links = [...page.matchAll(/\]\(([^)]+)\)/g)].map(([, to]) => to!);
    expect(links.length).toBeGreaterThan(headings.length);
    for (const link of links) {
      const exists = link.startsWith('#')
        ? headings.includes(link)
        : existsSync(join(ROOT, 'docs', link));
      expect({ link, exists }).toEqual({ link, exists: true });
    }
  });

  it('shows no code that is not compiled or run here', () => {
    expect(new Set(blocks.map(({ fence }) => fence))).toEqual(
      new Set(['sh', 'ts']),
    );
    expect(page.match(/^```/gm)).toHaveLength(2 * blocks.length);
  });

  it('has commands whose secrets and keys are accepted', async () => {
    const commands = blocks.find(({ fence }) => fence === 'sh')!.code;
    const made = commands
      .trim()
      .split('\n')
      .map((line) => ({
        kinds: line.split('# ').at(-1)!.split(', '),
        output: execFileSync('sh', ['-c', line], { encoding: 'utf8' }).trim(),
      }));
    expect(made.flatMap(({ kinds }) => kinds)).toEqual([
      'a secret',
      'ES256',
      'EdDSA',
      'RS256',
      'PS256',
    ]);
    for (const { kinds, output } of made) {
      for (const kind of kinds) {
        const options =
          kind === 'a secret'
            ? { secret: output }
            : { keys: [{ algorithm: kind, privateKey: output } as SessionKey] };
        const sessions = await serviceOf(options);
        const { token } = await sessions.generate('ada');
        expect([kind, await verdict(sessions, token)]).toEqual([kind, 'ada']);
      }
    }
  });

  it('rotates a secret in steps that accept the tokens of the step before and of the next (F-25)', async () => {
    const { deployed, first, second, last } = snippets;
    expect(await acceptance([deployed, first, second, last])).toEqual([
      'yes yes yes KEY_UNKNOWN',
      'yes yes yes KEY_UNKNOWN',
      'KEY_UNKNOWN yes yes yes',
      'KEY_UNKNOWN yes yes yes',
    ]);
  });

  it('rotates a key pair in steps that accept the tokens of the step before and of the next (F-25)', async () => {
    const { deployedKeys, prepared, activated, done } = snippets;
    const steps = [deployedKeys, prepared, activated, done];
    expect(
      await acceptance(steps.map((keys: SessionKey[]) => ({ keys }))),
    ).toEqual([
      'yes yes yes KEY_UNKNOWN',
      'yes yes yes KEY_UNKNOWN',
      'KEY_UNKNOWN yes yes yes',
      'KEY_UNKNOWN yes yes yes',
    ]);

    const [active, retiring] = activated as [SessionKey, SessionKey];
    const until = new Date((clock.nowSeconds() + 60) * 1000);
    const verifying = await serviceOf({
      keys: [active, { ...retiring, until }],
    });
    const { token } = await (
      await serviceOf({ keys: prepared })
    ).generate('ada');
    clock.advance(59);
    expect(await verdict(verifying, token)).toBe('ada');
    clock.advance(1);
    expect(await verdict(verifying, token)).toBe('KEY_UNKNOWN');
  });

  it('reads keys that change from a vault, keeps them while it is down, and forgets a leaked one at once (F-26)', async () => {
    const { changing, forget, vault, oldKey, newKey } = snippets;
    const sessions = await serviceOf(changing);
    const events: SessionEvent[] = [];
    sessions.events$.subscribe((event) => events.push(event));
    const { token: old } = await sessions.generate('ada');

    vault.stored = [
      { pem: newKey, state: 'active' },
      { pem: oldKey, state: 'retiring' },
    ];
    clock.advance('59s');
    const { token: before } = await sessions.generate('ada');
    clock.advance('1s');
    const { token: after } = await sessions.generate('ada');
    const kids = [old, before, after].map(
      (token) => (headerIn(token) as { kid: string }).kid,
    );
    expect(kids[1]).toBe(kids[0]);
    expect(kids[2]).not.toBe(kids[0]);
    expect(await verdict(sessions, old)).toBe('ada');

    vault.failure = new Error('the vault is sealed');
    clock.advance('1m');
    expect(await verdict(sessions, old)).toBe('ada');
    await expect(forget(sessions)).rejects.toMatchObject({
      code: 'KEYS_UNAVAILABLE',
    });
    expect(await verdict(sessions, old)).toBe('ada');
    expect(events.some(({ type }) => type === 'keysFailed')).toBe(true);

    vault.failure = undefined;
    vault.stored = [{ pem: newKey, state: 'active' }];
    await forget(sessions);
    expect(await verdict(sessions, old)).toBe('KEY_UNKNOWN');
    expect(await verdict(sessions, after)).toBe('ada');
    await expect(
      opened({ ...changing, keys: () => Promise.reject(new Error('sealed')) }),
    ).rejects.toThrow();
  });

  describe.each(adapters)('on %s', (adapter) => {
    let auth: BootedApp;
    let here: Snippets;

    beforeEach(async () => {
      auth = await boot(
        { imports: [snippets['publishing']], controllers: [MeController] },
        {
          adapter,
          clock,
          configure(app) {
            snippets['configure'](app);
            app.enableVersioning({ type: VersioningType.URI });
          },
        },
      );
      here = await importAt(`http://127.0.0.1:${auth.port}`);
    });

    it('publishes the keys outside the global prefix, as long as it says (S-040)', async () => {
      const path = '/.well-known/jwks.json';
      const { status, headers, json } = await auth.send({ path });
      expect(status).toBe(200);
      expect(headers['cache-control']).toBe('public, max-age=600');
      expect(json).toEqual(auth.get(SessionService).jwks());
      expect(json.keys).toHaveLength(1);
      const { token } = await auth.get(SessionService).generate('ada');
      const cookies = { Cookie: `__Host-Http-session=${token}` };
      const me = await auth.send({ path: '/api/me', headers: cookies });
      expect([me.status, me.json]).toEqual([200, { subject: 'ada' }]);
      expect((await auth.send({ path: `/api${path}` })).status).toBe(404);
    });

    it('lets resource servers and other libraries check what they cannot issue', async () => {
      const { token, refreshToken } = await auth
        .get(SessionService)
        .generate('ada');
      const { byUrl, byKey, check } = here;
      for (const options of [byUrl, byKey]) {
        const resource = await opened(options, adapter);
        const me = (cookie: string | undefined) =>
          resource.send({
            path: '/me',
            headers: { Cookie: `__Host-Http-session=${cookie}` },
          });
        const answer = await me(token);
        expect([answer.status, answer.json]).toEqual([200, { subject: 'ada' }]);
        const refused = await me(refreshToken);
        expect(refused.status).toBe(401);
        expect(refused.headers['set-cookie']).toBeUndefined();
        await expect(
          resource.get(SessionService).generate('ada'),
        ).rejects.toMatchObject({ code: 'SIGNING_KEY_REQUIRED' });
      }
      // `jose` reads the clock of this machine, which is years behind that of the application.
      await expect(check(token)).resolves.toMatchObject({
        payload: {
          sub: 'ada',
          data: { id: 'ada', name: 'Ada Lovelace' },
          lat: clock.nowSeconds(),
        },
      });
      await expect(check(refreshToken)).rejects.toThrow();
    });
  });

  it('refuses data that is too old where nothing can be loaded', async () => {
    const { byKey, deployedKeys, issuer } = snippets;
    const issuing = await serviceOf({ issuer, keys: deployedKeys });
    const checking = await serviceOf(byKey);
    const reasons: string[] = [];
    checking.events$.subscribe((event) => {
      if (event.type === 'rejected') reasons.push(event.reason);
    });
    const { token } = await issuing.generate('ada');
    clock.advance(30 * 60 - 1);
    expect(await verdict(checking, token)).toBe('ada');
    clock.advance(1);
    expect(await verdict(checking, token)).toBe('TOKEN_EXPIRED');
    const request = { headers: { cookie: `__Host-Http-session=${token}` } };
    expect(await checking.authenticate(request)).toBeNull();
    expect(reasons).toContain('stale');
  });

  it('lets a trusted service check with the shared secret, and nobody else', async () => {
    const { bySecret, secret, issuer } = snippets;
    const { token } = await (
      await serviceOf({ issuer, secret })
    ).generate('ada');
    const checking = await serviceOf(bySecret);
    expect(await verdict(checking, token)).toBe('ada');
    await expect(checking.generate('ada')).rejects.toMatchObject({
      code: 'SIGNING_KEY_REQUIRED',
    });
    const stranger = await serviceOf({ ...bySecret, issuer: 'another' });
    expect(await verdict(stranger, token)).toBe('TOKEN_INVALID');
  });

  it("hears of a logout at once with the issuer's store", async () => {
    const { revocable, deployedKeys, derivedSecret, store, issuer } = snippets;
    const issuing = await serviceOf({
      issuer,
      keys: deployedKeys,
      derivedSecret,
      refreshToken: {},
      store,
    });
    const checking = await serviceOf(revocable);
    const { token, session } = await issuing.generate('ada');
    const request = { headers: { cookie: `__Host-Http-session=${token}` } };
    expect((await checking.authenticate(request))?.subject).toBe('ada');
    await issuing.revoke(session);
    expect(await checking.authenticate(request)).toBeNull();
  });

  it('encrypts with a key a day, and refuses signed tokens where encrypted ones are expected (S-039)', async () => {
    const { encrypted, withOwnKey, secret, encryptionKey } = snippets;
    const rotated = {
      encrypt: { key: [secret, encryptionKey] },
    };
    expect(
      await acceptance([{ secret }, encrypted, withOwnKey, rotated]),
    ).toEqual([
      'yes TOKEN_INVALID TOKEN_INVALID TOKEN_INVALID',
      'TOKEN_INVALID yes KEY_UNKNOWN yes',
      'TOKEN_INVALID KEY_UNKNOWN yes yes',
      'TOKEN_INVALID yes KEY_UNKNOWN yes',
    ]);
    const sessions = await serviceOf(encrypted);
    const kids: string[] = [];
    for (let day = 0; day < 2; day += 1) {
      const { token } = await sessions.generate('ada');
      const readable = token
        .split('.')
        .map((part) => Buffer.from(part, 'base64url').toString('latin1'))
        .join();
      expect(readable).not.toMatch(/ada|lovelace|iat/i);
      const { kid, ...header } = headerIn(token) as { kid: string };
      expect(header).toEqual({
        alg: 'dir',
        enc: 'A256GCM',
        typ: 'session+jwt',
      });
      const today = Math.floor(clock.nowSeconds() / 86_400);
      expect(kid.split('.').at(-1)).toBe(String(today));
      kids.push(kid);
      clock.advance('1d');
    }
    expect(new Set(kids).size).toBe(2);
    await expect(
      opened({ ...encrypted, keys: snippets['deployedKeys'] }),
    ).rejects.toThrow('encrypt');
  });

  it('states the sizes of tokens as they are', async () => {
    const rsa = (modulusLength: number) =>
      generateKeyPairSync('rsa', { modulusLength }).privateKey;
    const pair = (
      algorithm: SessionKey['algorithm'],
      privateKey = newKeyPair(algorithm).privateKey,
    ) => ({ keys: [{ algorithm, privateKey }] });
    const sizesOf = (configured: SessionJwtModuleOptions[]) =>
      Promise.all(
        configured.map(async (options) => {
          const { token } = await (await serviceOf(options)).generate('ada');
          return token.length;
        }),
      );
    const { secret, encrypted } = snippets;
    const [small, large] = [rsa(2048), rsa(3072)];
    const measured = await sizesOf([
      { secret },
      pair('EdDSA'),
      pair('ES256'),
      pair('RS256', small),
      pair('RS256', large),
      encrypted,
    ]);
    const [, row] = /^\| HS256 .*\n.*\n\| (.*) \|$/m.exec(page)!;
    expect(row).toBe(
      measured.map((size) => size.toLocaleString('en')).join(' | '),
    );
    expect(await sizesOf([pair('PS256', small), pair('PS256', large)])).toEqual(
      measured.slice(3, 5),
    );
  });
});
