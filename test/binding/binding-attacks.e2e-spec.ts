import {
  createHmac,
  generateKeyPairSync,
  sign,
  type KeyObject,
} from 'node:crypto';
import {
  MemorySessionStore,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import {
  BoundBrowser,
  challengeIn,
  offerIn,
} from '../support/bound-browser.js';
import { send, type TestResponse } from '../support/browser.js';
import { openTestApp } from '../support/opened-apps.js';
import {
  adapters,
  type AdapterName,
  type TestApp,
} from '../support/test-app.js';
import { REFRESH_COOKIE } from '../support/token-pair.js';

type Options = Partial<SessionJwtModuleOptions>;
type Headers = Record<string, string>;

const ACCESS = 300;
const DEVICE = '/session/device';
const REFRESH = '/session/device/refresh';

const cases = adapters.flatMap(([adapter]) =>
  (['stateless', 'recorded'] as const).map((kind) => [adapter, kind] as const),
);

/** Everything that an attacker may have at hand, except the key of the owner. */
interface Scene {
  readonly app: TestApp;
  readonly owner: BoundBrowser;
  /** The cookies of the owner, whose session cookie has ended. */
  readonly cookies: Headers;
  /** A fresh challenge for the owner's session. */
  readonly challenge: string;
  /** Of the sign-in, and already used. */
  readonly offer: string;
  /** A fresh challenge for another bound session. */
  readonly otherChallenge: string;
  /** The offer of another sign-in. */
  readonly otherOffer: string;
}

function open(adapter: AdapterName, options: Options): Promise<TestApp> {
  return openTestApp(adapter, {
    session: {
      refreshToken: { accessLifetime: ACCESS },
      dataRefreshInterval: ACCESS,
      deviceBinding: true,
      ...options,
    },
    extras: { routes: true },
  });
}

async function setUp(
  adapter: AdapterName,
  kind: 'stateless' | 'recorded',
): Promise<Scene> {
  const app = await open(
    adapter,
    kind === 'recorded' ? { store: new MemorySessionStore() } : {},
  );
  const other = new BoundBrowser(app);
  const otherSignIn = await other.post('/login', { user: 'bob' });
  const owner = new BoundBrowser(app);
  const signIn = await owner.post('/login', { user: 'ada' });
  expect([other, owner].map(({ device }) => device.isBound)).toEqual([
    true,
    true,
  ]);
  const cookies = refreshCookieOf(await owner.cookie(REFRESH_COOKIE));
  const otherCookies = refreshCookieOf(await other.cookie(REFRESH_COOKIE));
  return {
    app,
    owner,
    cookies,
    challenge: challengeIn(await post(app, REFRESH, cookies)),
    otherChallenge: challengeIn(await post(app, REFRESH, otherCookies)),
    offer: offerIn(signIn),
    otherOffer: offerIn(otherSignIn),
  };
}

/** A proof in any form, signed by any key. */
function craft(
  header: object | string,
  payload: object | string,
  key: KeyObject | undefined,
  algorithm = 'ES256',
): string {
  const text = [header, payload]
    .map((part) => (typeof part === 'string' ? part : JSON.stringify(part)))
    .map((part) => Buffer.from(part).toString('base64url'))
    .join('.');
  if (!key) {
    return `${text}.`;
  }
  const signature = sign(
    'sha256',
    Buffer.from(text),
    algorithm === 'ES256' ? { key, dsaEncoding: 'ieee-p1363' } : key,
  );
  return `${text}.${signature.toString('base64url')}`;
}

const HEADER = { alg: 'ES256', typ: 'dbsc+jwt' };
const thief = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const thiefJwk = thief.publicKey.export({ format: 'jwk' });
const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });

/** What must not refresh the owner's session, by what is wrong with it. */
const REFRESHES: Record<string, (scene: Scene) => Headers> = {
  'by another key': ({ challenge }) =>
    proof(craft(HEADER, { jti: challenge }, thief.privateKey)),
  'unsigned (alg none)': ({ challenge }) =>
    proof(craft({ ...HEADER, alg: 'none' }, { jti: challenge }, undefined)),
  'with an empty signature': ({ challenge }) =>
    proof(craft(HEADER, { jti: challenge }, undefined)),
  'by HMAC with the public key': ({ challenge, owner }) => {
    const text = craft(
      { ...HEADER, alg: 'HS256' },
      { jti: challenge },
      undefined,
    );
    const [header = ''] = owner.device
      .proofOf('x', { isRegistration: true })
      .split('.');
    const { jwk } = JSON.parse(String(Buffer.from(header, 'base64url')));
    const mac = createHmac('sha256', JSON.stringify(jwk)).update(
      text.slice(0, -1),
    );
    return proof(`${text}${mac.digest('base64url')}`);
  },
  "with an algorithm that is not the key's": ({ challenge, owner }) =>
    proof(
      owner.device
        .proofOf(challenge)
        .replace(/^[^.]+/, encoded({ ...HEADER, alg: 'RS256' })),
    ),
  'with another algorithm than offered (ES384)': ({ challenge }) => {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-384' });
    return proof(
      craft({ ...HEADER, alg: 'ES384' }, { jti: challenge }, privateKey),
    );
  },
  'with a key of its own in the header': ({ challenge }) =>
    proof(
      craft({ ...HEADER, jwk: thiefJwk }, { jti: challenge }, thief.privateKey),
    ),
  'with the key of the owner in the header': ({ challenge, owner }) =>
    proof(owner.device.proofOf(challenge, { isRegistration: true })),
  'with a critical extension': ({ challenge }) =>
    proof(
      craft(
        { ...HEADER, crit: ['b64'], b64: false },
        { jti: challenge },
        thief.privateKey,
      ),
    ),
  'of another type': ({ challenge }) =>
    proof(
      craft(
        { ...HEADER, typ: 'dpop+jwt' },
        { jti: challenge },
        thief.privateKey,
      ),
    ),
  'over the challenge of another session': ({ otherChallenge, owner }) =>
    proof(owner.device.proofOf(otherChallenge)),
  'over the challenge of the registration': ({ offer, owner }) =>
    proof(owner.device.proofOf(offer)),
  'over a challenge of our own making': ({ owner }) =>
    proof(owner.device.proofOf('WzE4OTM0NTYwMDBd.'.padEnd(60, 'A'))),
  'over an empty challenge': ({ owner }) => proof(owner.device.proofOf('')),
  'over a changed challenge': ({ challenge, owner }) =>
    proof(
      owner.device.proofOf(
        challenge.replace(/\.(.)/, (_all, first) =>
          first === 'A' ? '.B' : '.A',
        ),
      ),
    ),
  'without a challenge': () => proof(craft(HEADER, {}, thief.privateKey)),
  'with a challenge that is no text': ({ challenge }) =>
    proof(craft(HEADER, { jti: [challenge] }, thief.privateKey)),
  'with the challenge twice': ({ challenge }) =>
    proof(craft(HEADER, `{"jti":"x","jti":"${challenge}"}`, thief.privateKey)),
  'with a changed payload': ({ challenge, owner }) => {
    const [header, , signature] = owner.device.proofOf('x').split('.');
    return proof(`${header}.${encoded({ jti: challenge })}.${signature}`);
  },
  'with a signature in DER': ({ challenge }) => {
    const text = craft(HEADER, { jti: challenge }, undefined).slice(0, -1);
    const der = sign('sha256', Buffer.from(text), thief.privateKey);
    return proof(`${text}.${der.toString('base64url')}`);
  },
  'with a signature of zeros': ({ challenge }) =>
    proof(
      craft(HEADER, { jti: challenge }, undefined) +
        Buffer.alloc(64).toString('base64url'),
    ),
  'that is huge': ({ challenge }) =>
    proof(
      craft(
        HEADER,
        { jti: challenge, pad: 'x'.repeat(6_000) },
        thief.privateKey,
      ),
    ),
  'in two headers': ({ challenge, owner }) => {
    const own = owner.device.proofOf(challenge);
    return { 'Secure-Session-Response': `${own}, ${own}` };
  },
  ...Object.fromEntries(
    [
      '',
      '""',
      '"',
      '(a b)',
      '?1',
      ':AAAA:',
      '12',
      'a;b=?',
      'ey',
      '..',
      'a.b.c',
      'x'.repeat(9_000),
      '"\\"',
      '%"a"',
    ].map((garbage) => [
      `that is garbage: ${garbage.slice(0, 12)}`,
      () => ({ 'Secure-Session-Response': garbage }),
    ]),
  ),
  'of the right key, from a script of the page': ({ challenge, owner }) => ({
    ...proof(owner.device.proofOf(challenge)),
    Origin: 'https://app.example',
  }),
  'of the right key, with fetch metadata': ({ challenge, owner }) => ({
    ...proof(owner.device.proofOf(challenge)),
    'Sec-Fetch-Site': 'same-origin',
  }),
};

/** What must not bind the owner's session to another key, by what is wrong with it. */
const REGISTRATIONS: Record<string, (scene: Scene) => Headers> = {
  'over a refresh challenge': ({ challenge }) =>
    proof(
      craft({ ...HEADER, jwk: thiefJwk }, { jti: challenge }, thief.privateKey),
    ),
  'over the offer of another session': ({ otherOffer }) =>
    proof(
      craft(
        { ...HEADER, jwk: thiefJwk },
        { jti: otherOffer },
        thief.privateKey,
      ),
    ),
  'over an offer of our own making': () =>
    proof(
      craft(
        { ...HEADER, jwk: thiefJwk },
        { jti: `${encoded(['sid', 'ada', 1, 1])}.${'A'.repeat(43)}` },
        thief.privateKey,
      ),
    ),
  'without a key': ({ offer }) =>
    proof(craft(HEADER, { jti: offer }, thief.privateKey)),
  'that is not signed by its key': ({ offer, owner }) =>
    proof(
      owner.device
        .proofOf(offer, { isRegistration: true })
        .replace(/^[^.]+/, encoded({ ...HEADER, jwk: thiefJwk })),
    ),
  'with a private key': ({ offer }) =>
    proof(
      craft(
        { ...HEADER, jwk: thief.privateKey.export({ format: 'jwk' }) },
        { jti: offer },
        thief.privateKey,
      ),
    ),
  'with a weak key': ({ offer }) =>
    proof(
      craft(
        {
          ...HEADER,
          alg: 'RS256',
          jwk: weak.publicKey.export({ format: 'jwk' }),
        },
        { jti: offer },
        weak.privateKey,
        'RS256',
      ),
    ),
  'with a point that is not on the curve': ({ offer }) =>
    proof(
      craft(
        {
          ...HEADER,
          jwk: { ...thiefJwk, x: Buffer.alloc(32, 1).toString('base64url') },
        },
        { jti: offer },
        thief.privateKey,
      ),
    ),
  'with a symmetric key': ({ offer }) =>
    proof(
      craft(
        { ...HEADER, jwk: { kty: 'oct', k: 'AAAA' } },
        { jti: offer },
        thief.privateKey,
      ),
    ),
  'from a script of the page': ({ offer }) => ({
    ...proof(
      craft({ ...HEADER, jwk: thiefJwk }, { jti: offer }, thief.privateKey),
    ),
    'Sec-Fetch-Mode': 'cors',
  }),
  'without a proof': () => ({}),
};

describe.each(cases)(
  'a thief with every cookie, on %s, %s',
  (adapter, kind) => {
    let scene: Scene;

    beforeEach(async () => {
      scene = await setUp(adapter, kind);
      scene.app.clock.advance(1);
    });

    it.each(Object.entries(REFRESHES))(
      'refreshes nothing with a proof %s',
      async (_wrong, headersOf) => {
        const { app, cookies } = scene;
        const answer = await post(app, REFRESH, {
          ...cookies,
          ...headersOf(scene),
        });
        expectRefused(answer);
        await expectUnharmed();
      },
    );

    it.each(Object.entries(REGISTRATIONS))(
      'binds nothing with a registration %s',
      async (_wrong, headersOf) => {
        const { app, cookies } = scene;
        const answer = await post(app, DEVICE, {
          ...cookies,
          ...headersOf(scene),
        });
        expectRefused(answer);
        expect(answer.headers['secure-session-challenge']).toBeUndefined();
        await expectUnharmed();
      },
    );

    it('gets no further with a stale challenge', async () => {
      const { app, owner, cookies, challenge } = scene;
      app.clock.advance(60);
      const answer = await post(app, REFRESH, {
        ...cookies,
        ...proof(owner.device.proofOf(challenge)),
      });
      expectRefused(answer);
      await expectUnharmed();
    });

    it('gets no further with a challenge of another realm', async () => {
      const { owner, cookies } = scene;
      const elsewhere = await open(adapter, { issuer: 'another' });
      const stranger = new BoundBrowser(elsewhere);
      await stranger.post('/login', { user: 'ada' });
      const foreign = challengeIn(
        await post(elsewhere, REFRESH, {
          ...refreshCookieOf(await stranger.cookie(REFRESH_COOKIE)),
        }),
      );
      expectRefused(
        await post(scene.app, REFRESH, {
          ...cookies,
          ...proof(owner.device.proofOf(foreign)),
        }),
      );
      await expectUnharmed();
    });

    /** The owner goes on, and nobody else has got anything. */
    async function expectUnharmed(): Promise<void> {
      const { app, owner } = scene;
      app.clock.advance(ACCESS);
      expect((await owner.get('/session')).json).toMatchObject({
        subject: 'ada',
        isBound: true,
      });
      expect(app.eventsOf('ended')).toEqual([]);
      expect(app.eventsOf('bound')).toHaveLength(2);
      expect(app.eventsOf('refreshed')).toHaveLength(1);
    }
  },
);

function refreshCookieOf(token: string | undefined): Headers {
  return { Cookie: `${REFRESH_COOKIE}=${token}` };
}

function expectRefused(answer: TestResponse): void {
  expect(answer.setCookie).toEqual([]);
  expect([401, 403]).toContain(answer.status);
}

function proof(text: string): Headers {
  return { 'Secure-Session-Response': text };
}

function encoded(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function post(
  app: TestApp,
  path: string,
  headers: Headers,
): Promise<TestResponse> {
  return send(app.port, {
    method: 'POST',
    path,
    headers: { 'Content-Length': '0', ...headers },
  });
}
