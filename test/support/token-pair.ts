import {
  Body,
  Controller,
  Get,
  Headers,
  HttpCode,
  Inject,
  Post,
  Req,
  Res,
  UseGuards,
} from '@nestjs/common';
import {
  MemorySessionStore,
  Public,
  Session,
  SessionError,
  SessionGuard,
  SessionService,
  type ActiveSession,
  type SessionErrorCode,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import type { RefreshClaims } from '../../lib/tokens/session-claims.js';
import { Browser, ORIGIN, type TestResponse } from './browser.js';
import { claimsIn } from './session-claims.js';
import {
  CLEARED,
  CLEARED_REFRESH,
  COOKIE,
  linesOf,
  valueOf,
} from './set-cookie.js';
import type { TestApp } from './test-app.js';

export const REFRESH_COOKIE = `${COOKIE}-refresh`;

/** What a client is told that is to forget both tokens. */
export const BOTH_CLEARED = [CLEARED, CLEARED_REFRESH];

export type PairKind = 'stateless' | 'stored';

/** For `describe.each(pairKinds)`. */
export const pairKinds: [PairKind][] = [['stateless'], ['stored']];

/** Options of a token pair; each call of it for a stored one has a store of its own. */
export function pairOptions(
  kind: PairKind,
  options: Partial<SessionJwtModuleOptions> = {},
): Partial<SessionJwtModuleOptions> {
  return {
    refreshToken: {},
    ...(kind === 'stored' && { store: new MemorySessionStore() }),
    ...options,
  };
}

/** Routes by which an application refreshes sessions, and asks for them itself. */
@Controller()
export class RefreshController {
  constructor(
    @Inject(SessionService) private readonly sessions: SessionService,
  ) {}

  @Public()
  @Post('refresh')
  @HttpCode(200)
  refresh(
    @Req() request: Request,
    @Res({ passthrough: true }) response: object,
    @Headers('x-allow-cross-site') allow: string | undefined,
  ) {
    const crossSite = allow === 'yes';
    return this.sessions.refresh(request, { response, crossSite });
  }

  @Public()
  @Post('refresh-given')
  @HttpCode(200)
  refreshGiven(
    @Body('given') token: string,
    @Res({ passthrough: true }) response: object,
  ) {
    return this.sessions.refresh(token, { response });
  }

  @Public()
  @Post('auth/refresh')
  @HttpCode(200)
  refreshAtPath(
    @Req() request: Request,
    @Res({ passthrough: true }) response: object,
  ) {
    return this.sessions.refresh(request, { response });
  }

  @Get('auth/me')
  meAtPath(@Session('data') data: unknown) {
    return data;
  }

  @Public()
  @Get('authenticate')
  async authenticate(
    @Req() request: Request,
    @Res({ passthrough: true }) response: object,
  ) {
    const session = await this.sessions.authenticate(request, {
      response,
    });
    return { subject: session?.subject ?? null };
  }

  @Public()
  @Get('authenticate-only')
  async authenticateOnly(@Req() request: Request) {
    const session = await this.sessions.authenticate(request);
    return { subject: session?.subject ?? null };
  }

  @Get('twice')
  @UseGuards(SessionGuard)
  twice(@Session() session: ActiveSession) {
    return session.data;
  }
}

/** The refresh token in the jar of a browser, whatever its path. */
export function refreshOf(browser: Browser): Promise<string | undefined> {
  return cookieIn(browser, REFRESH_COOKIE);
}

/** The value of a cookie in the jar, whatever its path. */
export async function cookieIn(
  browser: Browser,
  name: string,
): Promise<string | undefined> {
  const cookies = await browser.jar.getCookies(ORIGIN, { allPaths: true });
  return cookies.find(({ key }) => key === name)?.value;
}

/** Both tokens of a response that must bring each of them once. */
export function pairIn(response: TestResponse): {
  session: string;
  refresh: string;
} {
  const [session, refresh] = [linesOf(response), refreshLinesOf(response)];
  if (session.length !== 1 || refresh.length !== 1) {
    throw new Error(
      `expected both cookies once, got ${session.length} and ${refresh.length} (status ${response.status})`,
    );
  }
  return { session: valueOf(session[0]), refresh: valueOf(refresh[0]) };
}

export function refreshLinesOf(response: TestResponse): string[] {
  return linesOf(response, REFRESH_COOKIE);
}

/** The lines that are neither of our cookies. */
export function foreignLinesOf(response: TestResponse): string[] {
  return response.setCookie.filter(
    (line) =>
      !line.startsWith(`${COOKIE}=`) && !line.startsWith(`${REFRESH_COOKIE}=`),
  );
}

/** A line without its value and its times. */
export function attributesOf(line: string | undefined): string {
  return (line ?? '')
    .replace(/^([^=]+)=[^;]*/, '$1')
    .replace(/ Max-Age=\d+;/, '');
}

export function maxAgeOf(line: string | undefined): number {
  return Number(/; Max-Age=(\d+)/.exec(line ?? '')?.[1] ?? NaN);
}

/** The claims that a refresh token holds, unchecked. */
export function refreshClaimsIn(
  token: string | undefined,
): RefreshClaims & { readonly gen?: number } {
  return claimsIn(token) as unknown as RefreshClaims;
}

/** A `Cookie` header of the two tokens; without the one that is not given. */
export function asCookies(tokens: {
  session?: string | undefined;
  refresh?: string | undefined;
}): { Cookie: string } {
  const { session, refresh } = tokens;
  const pairs = [
    ...(session === undefined ? [] : [`${COOKIE}=${session}`]),
    ...(refresh === undefined ? [] : [`${REFRESH_COOKIE}=${refresh}`]),
  ];
  return { Cookie: pairs.join('; ') };
}

/** Uses a session token: the answer that brought it, and its refresh token, has arrived. */
export async function useToken(app: TestApp, token: string): Promise<void> {
  const headers = {
    cookie: `${COOKIE}=${token}`,
    authorization: `Bearer ${token}`,
  };
  await app.sessions.authenticate({ headers });
}

/** The code that a promise is rejected with; anything else than a `SessionError` fails the test. */
export async function codeOf(
  promise: Promise<unknown>,
): Promise<SessionErrorCode> {
  return (await errorOf(promise)).code;
}

/** The `SessionError` that a promise is rejected with; anything else fails the test. */
export async function errorOf(
  promise: Promise<unknown>,
): Promise<SessionError> {
  const error: unknown = await promise.then(
    () => new Error('nothing failed'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof SessionError)) throw error;
  return error;
}

/** The same jar at another node of the application. */
export function atNode(browser: Browser, { port }: TestApp): Browser {
  return Object.assign(new Browser(port), { jar: browser.jar });
}

/**
 * Fails if a refresh token was exchanged: with a store one that was is reuse after the grace time, so this
 * lets more than that pass and uses it.
 */
export async function expectNotExchanged(
  app: TestApp,
  refreshToken: string | undefined,
): Promise<void> {
  app.clock.advance('2m');
  await app.sessions.refresh(refreshToken!);
}
