import type { INestApplicationContext } from '@nestjs/common';
import {
  issuingOf,
  SESSION_RUNTIME,
  type SessionRuntime,
} from '../nest/session-runtime.js';
import {
  createActiveSession,
  type ActiveSession,
} from '../session/model/active-session.js';
import {
  readGenerateOptions,
  type GenerateOptions,
} from '../session/generate-options.js';
import { toFrozenJson } from '../session/model/json-copy.js';
import { newSession } from '../session/new-session.js';
import type {
  SessionData,
  SessionParams,
} from '../session/model/session-types.js';
import { dataOf } from '../session/model/verified-session.js';

/** How the session of a test differs from a new one. */
export interface TestSessionOverrides extends GenerateOptions {
  /** The data of the session. If present, the loader is not called. */
  data?: SessionData;
  /**
   * The time of the sign-in.
   *
   * @default when the data was loaded
   */
  issuedAt?: Date;
  /**
   * When the data was loaded. A time long ago makes the first request reload it.
   *
   * @default now
   */
  loadedAt?: Date;
}

/** A session for a test, in the forms that requests carry. */
export interface TestSession {
  readonly session: ActiveSession;
  readonly token: string;
  /** The refresh token, if the module issues refresh tokens. */
  readonly refreshToken: string | undefined;
  /** Value of a `Cookie` request header, including the cookie of the refresh token. */
  readonly cookie: string;
  /** Value of an `Authorization` request header. */
  readonly header: string;
  /** The headers of a request or a handshake, for the transports that the module reads. */
  readonly headers: Readonly<Record<string, string>>;
  /** What clients of graphql-ws send as `connectionParams`, for the header transport. */
  readonly connectionParams: Readonly<Record<string, string>>;
  /** What clients of socket.io send as `auth`, for the header transport. */
  readonly auth: { readonly token: string };
}

/**
 * Creates a session for a test without a sign-in: `request(server).get('/me').set('Cookie', session.cookie)`, or
 * `app.inject({ url: '/me', headers: session.headers })`. `connectTestClient` connects it to a gateway.
 *
 * @throws {SessionError} like `SessionService.generate`
 */
export async function createTestSession(
  app: INestApplicationContext,
  params: SessionParams,
  overrides: TestSessionOverrides = {},
): Promise<TestSession> {
  const runtime = app.get<SessionRuntime>(SESSION_RUNTIME, { strict: false });
  const { data, issuedAt, loadedAt, ...options } = overrides;
  const now = runtime.clock.nowSeconds();
  const requested = readGenerateOptions(params, options, runtime.policy, now);
  const lat = loadedAt ? secondsOf(loadedAt) : now;
  const oiat = issuedAt ? secondsOf(issuedAt) : lat;
  const begun = {
    ...newSession(requested, runtime.options, now),
    oiat,
    ...(!options.authentication?.time && {
      auth_time: Math.min(requested.auth_time, oiat),
    }),
    lat,
  };
  const { issuer } = issuingOf(runtime);
  const { session, token, refreshToken } = await issuer.begin(
    'data' in overrides
      ? { ...begun, data: toFrozenJson(data, 'data') }
      : await issuer.withData(begun),
    options,
    runtime.transports.all.slice(0, 1),
    undefined,
  );
  return {
    session: createActiveSession(runtime, session, dataOf(session.claims)),
    token,
    refreshToken,
    ...credentialsOf(runtime, token, refreshToken),
  };
}

function credentialsOf(
  { options, transports }: SessionRuntime,
  token: string,
  refreshToken: string | undefined,
): Pick<
  TestSession,
  'cookie' | 'header' | 'headers' | 'connectionParams' | 'auth'
> {
  const { refresh, header: names } = options;
  const cookie = [
    `${options.cookie.name}=${token}`,
    ...(refresh ? [`${refresh.cookie.name}=${refreshToken}`] : []),
  ].join('; ');
  const header = names.scheme ? `${names.scheme} ${token}` : token;
  const isRead = (name: string): boolean =>
    transports.all.some((transport) => transport.name === name);
  return {
    cookie,
    header,
    headers: {
      ...(isRead('cookie') && { cookie }),
      ...(isRead('header') && { [names.name]: header }),
    },
    connectionParams: { [names.name]: header },
    auth: { token },
  };
}

function secondsOf(instant: Date): number {
  return Math.floor(instant.getTime() / 1000);
}
