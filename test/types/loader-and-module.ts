import { type INestApplication, Injectable } from '@nestjs/common';
import {
  type LoadContext,
  type SessionContext,
  SessionDataLoader,
  SessionEndedError,
  SessionError,
  type SessionErrorCode,
  SessionJwtModule,
  type SessionJwtModuleOptions,
  type SessionJwtOptionsFactory,
} from 'nestjs-session-jwt';
import { createTestSession } from 'nestjs-session-jwt/testing';
import type {
  Attributes,
  ExpandedUser,
  UserData,
} from './application-types.js';
import { expectTrue, type Equals } from './expect-type.js';

const user: UserData = { id: 'ada', roles: [] };

@Injectable()
export class AsyncLoader extends SessionDataLoader {
  override async load(userId: string, context: LoadContext) {
    expectTrue<Equals<typeof context.attributes, Readonly<Attributes>>>();
    expectTrue<
      Equals<typeof context.reason, 'generate' | 'reload' | 'refresh'>
    >();
    expectTrue<Equals<typeof context.signal, AbortSignal>>();
    if (context.issuedBefore(new Date()) || context.issuedBefore(null)) {
      throw new SessionEndedError('log out everywhere');
    }
    return userId === '' ? null : user;
  }

  override expand(data: UserData, context: SessionContext): ExpandedUser {
    return { ...data, can: () => context.subject !== '' };
  }
}

export class SyncLoader extends SessionDataLoader {
  override load(): UserData | undefined {
    return user;
  }

  override async expand(data: UserData): Promise<ExpandedUser> {
    return { ...data, can: () => true };
  }

  override accepts(params: unknown): params is string {
    return typeof params === 'string';
  }
}

export class LoaderOfOtherSessions extends SessionDataLoader<
  number,
  { admin: true }
> {
  override load(id: number): { admin: true } | null {
    return id > 0 ? { admin: true } : null;
  }
}

export class WrongParams extends SessionDataLoader {
  // @ts-expect-error: the params are a string
  override load(_id: number): UserData {
    return user;
  }
}

export class WrongData extends SessionDataLoader {
  // @ts-expect-error: the data has no name
  override load(): { name: string } {
    return { name: 'Ada' };
  }
}

export class WrongExpansion extends SessionDataLoader {
  override load(): UserData {
    return user;
  }

  // @ts-expect-error: handlers expect `can`
  override expand(data: UserData): UserData {
    return data;
  }
}

// @ts-expect-error: a loader loads
export class NoLoad extends SessionDataLoader {}

export class NotALoader {
  find(): UserData {
    return user;
  }
}

const secret = 'a placeholder, since this file never runs';

export const modules = [
  SessionJwtModule.forRoot({ secret, dataLoader: AsyncLoader }),
  SessionJwtModule.forRoot({ secret, dataLoader: false }),
  SessionJwtModule.forRoot({
    secret: [secret, Buffer.alloc(32)],
    dataLoader: LoaderOfOtherSessions,
    global: false,
    guard: false,
    imports: [],
  }),
  SessionJwtModule.forRootAsync({
    inject: [Date],
    dataLoader: SyncLoader,
    useFactory: (now: Date) => ({ secret: `${secret}${now.getTime()}` }),
  }),
  SessionJwtModule.forRootAsync({
    dataLoader: SyncLoader,
    useFactory: async () => ({ secret, cookie: { sameSite: 'strict' } }),
  }),
  SessionJwtModule.forRootAsync({
    useClass: class implements SessionJwtOptionsFactory {
      createSessionJwtOptions(): SessionJwtModuleOptions {
        return { secret };
      }
    },
  }),

  SessionJwtModule.forRoot({
    keys: [{ algorithm: 'ES256', privateKey: 'PEM', state: 'active' }],
    jwks: { path: 'keys', maxAge: '1h' },
  }),
  SessionJwtModule.forRoot({
    secret: async ({ signal }) => (signal.aborted ? [secret] : secret),
    keyCache: { maxAge: '1m' },
  }),
  SessionJwtModule.forRoot({ verifyOnly: { jwksUri: 'https://a.example' } }),
  SessionJwtModule.forRoot({ encrypt: { key: [secret] } }),
  // @ts-expect-error: an algorithm that key pairs do not have
  SessionJwtModule.forRoot({ keys: [{ algorithm: 'HS256' }] }),
  // @ts-expect-error: one key, one algorithm
  SessionJwtModule.forRoot({ keys: [{ privateKey: 'PEM' }] }),
  // @ts-expect-error: the keys of a JWKS come from somewhere
  SessionJwtModule.forRoot({ verifyOnly: {} }),
  // @ts-expect-error: a typo
  SessionJwtModule.forRoot({ secret, dataLoder: AsyncLoader }),
  // @ts-expect-error: a typo in a group
  SessionJwtModule.forRoot({ secret, cookie: { samesite: 'lax' } }),
  // @ts-expect-error: a value that does not exist
  SessionJwtModule.forRoot({ secret, cookie: { sameSite: 'laxx' } }),
  // @ts-expect-error: a duration is a number or a text
  SessionJwtModule.forRoot({ secret, dataRefreshInterval: true }),
  // @ts-expect-error: a transport that does not exist
  SessionJwtModule.forRoot({ secret, transport: 'cookies' }),
  // @ts-expect-error: not a loader
  SessionJwtModule.forRoot({ secret, dataLoader: NotALoader }),
  // @ts-expect-error: a class, not an instance
  SessionJwtModule.forRoot({ secret, dataLoader: new SyncLoader() }),
  // @ts-expect-error: there is nothing to be true
  SessionJwtModule.forRoot({ secret, dataLoader: true }),
  // @ts-expect-error: true or false
  SessionJwtModule.forRoot({ secret, guard: 'no' }),

  // @ts-expect-error: a typo in the one option that is needed
  SessionJwtModule.forRootAsync({ useFactory: () => ({ secrett: secret }) }),
  SessionJwtModule.forRootAsync({
    // @ts-expect-error: a value of another type
    useFactory: () => ({ secret, dataRefreshInterval: true }),
  }),
  SessionJwtModule.forRootAsync({
    // @ts-expect-error: a value of another type, later
    useFactory: async () => ({ secret, transport: 'cookies' }),
  }),
  SessionJwtModule.forRootAsync({
    // @ts-expect-error: a typo, found where the factory says what it gives
    useFactory: (): SessionJwtModuleOptions => ({ secret, cokie: {} }),
  }),
  // @ts-expect-error: options are the factory's, not the module's
  SessionJwtModule.forRootAsync({ useFactory: () => ({ secret }), cookie: {} }),
  SessionJwtModule.forRootAsync({
    // @ts-expect-error: the factory class makes options
    useClass: class {
      create(): SessionJwtModuleOptions {
        return { secret };
      }
    },
  }),
];

export async function test(app: INestApplication): Promise<string> {
  const { session, cookie } = await createTestSession(app, 'ada', {
    data: user,
    attributes: { theme: 'dark' },
    issuedAt: new Date(),
  });
  // @ts-expect-error: the params are a string
  await createTestSession(app, 42);
  // @ts-expect-error: the data has no name
  await createTestSession(app, 'ada', { data: { name: 'Ada' } });
  // @ts-expect-error: an attribute that was not declared
  await createTestSession(app, 'ada', { attributes: { colour: 'dark' } });
  return `${session.data.id} ${cookie}`;
}

export function codeOf(error: unknown): SessionErrorCode | undefined {
  // @ts-expect-error: a code that does not exist
  const other = new SessionError('TOKEN_BAD', 'message');
  expectTrue<Equals<typeof other.retryAfterSeconds, number | undefined>>();
  return error instanceof SessionError ? error.code : other.code;
}
