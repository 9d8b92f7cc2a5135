/** Only compiled: the public types as a strict application meets them, with nothing but the package installed. */
import type { ModuleMetadata } from '@nestjs/common';
import {
  ActiveSession,
  OptionalSession,
  type SessionClock,
  SessionError,
  SessionGuard,
  SessionJwtModule,
  type SessionJwtModuleOptions,
  type SessionService,
} from 'nestjs-session-jwt';
import * as testing from 'nestjs-session-jwt/testing';
import type { UserData } from './app.module.js';

type Equals<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2
    ? true
    : false;

function expectTrue<T extends true>(): T | undefined {
  return undefined;
}

// What the application declared once is what it gets everywhere, and never `any`.
expectTrue<Equals<ActiveSession['data'], UserData>>();
expectTrue<Equals<ActiveSession['params'], string>>();

export const options: SessionJwtModuleOptions = {
  secret: 'a placeholder, since this file never runs',
  dataRefreshInterval: '15m',
  lifetime: { idle: '7d', absolute: '30d' },
};

export const imports: ModuleMetadata['imports'] = [
  SessionJwtModule.forRoot({ ...options, dataLoader: false }),
];

export async function use(
  sessions: SessionService,
  session: ActiveSession,
  clock: SessionClock,
): Promise<string> {
  const now: number = clock.nowSeconds();
  const issued = await sessions.update(session, { theme: 'dark' });
  // @ts-expect-error: the application declared no such attribute
  await sessions.update(session, { colour: 'dark' });
  // @ts-expect-error: a session id says nothing about whose session it is
  await sessions.revoke('id');
  return `${issued.session.data.email} ${now}`;
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof SessionError ? error.code : undefined;
}

export const surface = [OptionalSession, SessionGuard, testing];
