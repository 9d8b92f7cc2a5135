import {
  Controller,
  Get,
  Inject,
  Query,
  Redirect,
  Req,
  Res,
} from '@nestjs/common';
import * as oauth from 'oauth4webapi';
import * as oidc from 'openid-client';
import { CookieJar } from 'tough-cookie';
import {
  MemorySessionStore,
  OptionalSession,
  Public,
  RequireAuthentication,
  Session,
  SessionJwtModule,
  SessionService,
  type ActiveSession,
} from '../../lib/index.js';
import { createTestSession } from '../../lib/testing/index.js';
import {
  GOLD,
  SILVER,
  startCertifiedProvider,
} from '../support/certified-provider.js';
import { boot, closeBooted, type BootedApp } from '../support/nest-app.js';
import { adapters, SECRET } from '../support/test-app.js';

let configuration: oidc.Configuration;
let origin: string;
/** What the application remembers of an attempt to sign in. */
const attempts = new Map<string, string>();

@Controller()
class AccountController {
  constructor(
    @Inject(SessionService) private readonly sessions: SessionService,
  ) {}

  @Public() @Get('sign-in') @Redirect() async signIn(
    @Query('acr') acr: string | undefined,
  ) {
    const verifier = oidc.randomPKCECodeVerifier();
    const state = oidc.randomState();
    attempts.set(state, verifier);
    const url = oidc.buildAuthorizationUrl(configuration, {
      redirect_uri: `${origin}/callback`,
      scope: 'openid',
      state,
      code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
      claims: JSON.stringify({
        id_token: { acr: null, amr: null, auth_time: { essential: true } },
      }),
      // The provider knows the user, and must ask again.
      ...(acr && { acr_values: acr, prompt: 'login' }),
    });
    return { url: url.href };
  }

  @OptionalSession() @Get('callback') async callback(
    @Session() session: ActiveSession | undefined,
    @Req() request: { url: string },
    @Query('state') state: string,
    @Res({ passthrough: true }) response: object,
  ) {
    const tokens = await oidc.authorizationCodeGrant(
      configuration,
      new URL(request.url, origin),
      { expectedState: state, pkceCodeVerifier: attempts.get(state)! },
    );
    const { sub, auth_time, acr, amr } = tokens.claims()!;
    const proof = {
      time: new Date(auth_time! * 1000),
      acr: acr as string,
      amr: amr as string[],
    };
    await (session?.subject === sub
      ? this.sessions.reauthenticated(session, { ...proof, response })
      : this.sessions.generate(sub, { authentication: proof, response }));
    return proof;
  }

  @RequireAuthentication({ maxAge: '10m', acr: GOLD, amr: ['otp'] })
  @Get('payments')
  payments(@Session() { acr, amr }: ActiveSession) {
    return { acr, amr };
  }

  @Get('orders') orders(@Session() { acr, amr }: ActiveSession) {
    return { acr, amr };
  }
}

/** Follows redirects between the application and the provider, as browsers do. */
class Surfer {
  readonly jar = new CookieJar();

  async get(address: string): Promise<{ status: number; json: any }> {
    let url = new URL(address, origin);
    for (let i = 0; i < 10; i += 1) {
      const response = await fetch(url, {
        redirect: 'manual',
        headers: { cookie: await this.jar.getCookieString(url.href) },
      });
      for (const line of response.headers.getSetCookie()) {
        await this.jar.setCookie(line, url.href);
      }
      const location = response.headers.get('location');
      const text = await response.text();
      if (!location) {
        return { status: response.status, json: JSON.parse(text) };
      }
      url = new URL(location, url);
    }
    throw new Error('redirected too often');
  }
}

afterEach(closeBooted);

describe.each(adapters)('step-up on %s', (adapter) => {
  const start = (options: object): Promise<BootedApp> =>
    boot(
      {
        imports: [
          SessionJwtModule.forRoot({
            secret: SECRET,
            dataLoader: false,
            ...options,
          }),
        ],
        controllers: [AccountController],
      },
      { adapter },
    );

  it.each([
    ['a cookie', {}],
    ['a recorded pair', { refreshToken: {}, store: new MemorySessionStore() }],
  ])(
    'carries acr and amr of an OpenID provider to where they are required, with %s',
    async (_what, options) => {
      const app = await start({ cookie: { secure: false }, ...options });
      origin = `http://127.0.0.1:${app.port}`;
      const provider = await startCertifiedProvider(() => ({
        client_secret: 'a secret of the client',
        redirect_uris: [`${origin}/callback`],
      }));
      configuration = await oidc.discovery(
        new URL(provider.issuer),
        'app',
        'a secret of the client',
        undefined,
        { execute: [oidc.allowInsecureRequests] },
      );
      const surfer = new Surfer();
      const signedIn = await surfer.get('/sign-in');
      expect(signedIn.json).toMatchObject({ acr: SILVER, amr: ['pwd'] });
      expect((await surfer.get('/orders')).json).toEqual({
        acr: SILVER,
        amr: ['pwd'],
      });
      const refused = await surfer.get('/payments');
      expect(refused.status).toBe(401);
      const { max_age, acr_values } = refused.json;
      expect([max_age, acr_values]).toEqual([600, GOLD]);
      const steppedUp = await surfer.get(
        `/sign-in?acr=${encodeURIComponent(acr_values)}`,
      );
      expect(steppedUp.json).toMatchObject({ acr: GOLD });
      expect((await surfer.get('/payments')).json).toEqual({
        acr: GOLD,
        amr: ['pwd', 'otp'],
      });
      // Without a prompt, the provider answers for what the user did before: no step back in time.
      expect((await surfer.get('/sign-in')).status).toBe(200);
      await provider.stop();
    },
  );

  it('sends a challenge that a foreign client understands', async () => {
    const app = await start({ transport: 'header' });
    const { token } = await createTestSession(app.app, 'ada');
    const request = oauth.protectedResourceRequest(
      token,
      'GET',
      new URL(`http://127.0.0.1:${app.port}/payments`),
      undefined,
      undefined,
      { [oauth.allowInsecureRequests]: true },
    );
    const error = await request.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(oauth.WWWAuthenticateChallengeError);
    const { cause, status } = error as oauth.WWWAuthenticateChallengeError;
    expect(status).toBe(401);
    expect(cause).toEqual([
      {
        scheme: 'bearer',
        parameters: {
          error: 'insufficient_user_authentication',
          error_description: expect.stringMatching(/authentication/),
          max_age: '600',
          acr_values: GOLD,
        },
      },
    ]);
  });
});
