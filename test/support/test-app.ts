import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import {
  Body,
  Controller,
  Get,
  HttpCode,
  Module,
  Post,
  Req,
  Res,
  type DynamicModule,
  type INestApplication,
  type Type,
} from '@nestjs/common';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { Test } from '@nestjs/testing';
import type { AbstractHttpAdapter } from '@nestjs/core';
import {
  ActiveSession,
  OptionalSession,
  Public,
  Session,
  SessionClock,
  SessionDataLoader,
  SessionEndedError,
  SessionJwtModule,
  SessionService,
  type LoadContext,
  type SessionEvent,
  type SessionJwtModuleExtras,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { Browser } from './browser.js';
import { ofThisSpec } from './effort.js';
import { SECRET } from './secrets.js';

export { OTHER_SECRET, SECRET } from './secrets.js';

export type AdapterName = 'express' | 'fastify';

/** For `describe.each(bothAdapters)`: what depends on the platform, such as the delivery of tokens. */
export const bothAdapters: [AdapterName][] = [['express'], ['fastify']];

/** For `describe.each(adapters)`: both at full effort, otherwise the one whose turn it is in this spec. */
export const adapters: [AdapterName][] = ofThisSpec(bothAdapters);

export function createAdapter(name: AdapterName): AbstractHttpAdapter {
  return name === 'express' ? new ExpressAdapter() : new FastifyAdapter();
}

export interface User {
  id: string;
  role: string;
  sessionsValidFrom?: Date;
  disabled?: boolean;
}

/** The application's data source, which tests break and mend; also counts. */
export class Users {
  readonly all = new Map<string, User>([
    ['ada', { id: 'ada', role: 'admin' }],
    ['bob', { id: 'bob', role: 'member' }],
  ]);
  /** Thrown instead of an answer while it is set. */
  failure: unknown;
  /** Awaited before each answer while it is set. */
  gate: Promise<unknown> | undefined;
  loads: { params: unknown; context: LoadContext }[] = [];
}

export class UserLoader extends SessionDataLoader<string, object> {
  constructor(readonly users: Users) {
    super();
  }

  async load(userId: string, context: LoadContext): Promise<object | null> {
    this.users.loads.push({ params: userId, context });
    await this.users.gate;
    if (this.users.failure) {
      throw this.users.failure;
    }
    const user = this.users.all.get(userId);
    if (!user || user.disabled) {
      return null;
    }
    if (context.issuedBefore(user.sessionsValidFrom)) {
      throw new SessionEndedError('logged out everywhere');
    }
    return { id: user.id, role: user.role };
  }
}

/** The routes that most specs need. */
@Controller()
export class AccountController {
  handled = 0;

  constructor(private readonly sessions: SessionService) {}

  @Public()
  @Post('login')
  @HttpCode(200)
  login(
    @Body() body: Record<string, any>,
    @Res({ passthrough: true }) response: object,
  ) {
    const { user, ...options } = body;
    return this.sessions.generate(user, { ...options, response });
  }

  @Public()
  @Post('logout')
  @HttpCode(204)
  async logout(
    @Req() request: Request,
    @Res({ passthrough: true }) response: object,
  ) {
    await this.sessions.revoke(request as never, { response });
  }

  @Get('me')
  me(@Session() session: ActiveSession) {
    this.handled += 1;
    return session;
  }

  @Post('change')
  @HttpCode(200)
  change(@Session('data') data: any) {
    this.handled += 1;
    return data;
  }

  @Post('attributes')
  @HttpCode(200)
  update(@Session() session: ActiveSession, @Body() body: Record<string, any>) {
    return this.sessions.update(session, body);
  }

  @Post('reload')
  @HttpCode(200)
  reload(@Session() session: ActiveSession) {
    return this.sessions.reload(session);
  }

  @Post('sign-out')
  @HttpCode(204)
  async signOut(@Session() session: ActiveSession) {
    await this.sessions.revoke(session);
  }

  @OptionalSession()
  @Get('optional')
  optional(@Session() session: ActiveSession | undefined) {
    this.handled += 1;
    return { subject: session?.subject ?? null };
  }

  @OptionalSession()
  @Post('optional')
  @HttpCode(200)
  optionalPost(@Session() session: ActiveSession | undefined) {
    this.handled += 1;
    return { subject: session?.subject ?? null };
  }

  @Public()
  @Get('public')
  open(@Session() session: ActiveSession | undefined) {
    this.handled += 1;
    return { subject: session?.subject ?? null };
  }
}

export interface TestAppOptions {
  /** Options of the session module besides the secret. */
  session?: Partial<SessionJwtModuleOptions>;
  extras?: SessionJwtModuleExtras;
  controllers?: Type[];
  providers?: Type[];
  imports?: (Type | DynamicModule)[];
  /** Called before the application is initialised. */
  configure?: (app: INestApplication) => void;
  clock?: TestSessionClock;
}

export class TestApp {
  readonly events: SessionEvent[] = [];

  constructor(
    readonly app: INestApplication,
    readonly adapter: AdapterName,
    readonly clock: TestSessionClock,
    readonly users: Users,
    readonly port: number,
    /** What pages of the application send with each unsafe request. */
    readonly proof: Readonly<Record<string, string>> = {},
  ) {
    this.sessions.events$.subscribe((event) => this.events.push(event));
  }

  get sessions(): SessionService {
    return this.app.get(SessionService);
  }

  get account(): AccountController {
    return this.app.get(AccountController);
  }

  /** A browser with a cookie jar of its own, on `https://app.example`. */
  browser(): Browser {
    return new Browser(this.port);
  }

  /** A browser that has signed in. */
  async signIn(user = 'ada', body: object = {}): Promise<Browser> {
    const browser = this.browser();
    const response = await browser.post(
      '/login',
      { user, ...body },
      this.proof,
    );
    if (response.status !== 200) {
      throw new Error(`sign-in answered ${response.status}: ${response.text}`);
    }
    return browser;
  }

  eventsOf<Kind extends SessionEvent['type']>(
    type: Kind,
  ): Extract<SessionEvent, { type: Kind }>[] {
    return this.events.filter((event) => event.type === type) as never;
  }

  close(): Promise<void> {
    return this.app.close();
  }
}

/** A real application on a free port of this machine; its clock stands still until the test moves it. */
export async function startTestApp(
  adapter: AdapterName,
  options: TestAppOptions = {},
): Promise<TestApp> {
  const users = new Users();
  const clock = options.clock ?? new TestSessionClock();

  @Module({
    providers: [{ provide: Users, useValue: users }],
    exports: [Users],
  })
  class UsersModule {}

  class Loader extends UserLoader {}
  Reflect.defineMetadata('design:paramtypes', [Users], Loader);

  const { dataLoader = Loader, imports = [], ...extras } = options.extras ?? {};
  const moduleRef = await Test.createTestingModule({
    imports: [
      SessionJwtModule.forRoot({
        secret: SECRET,
        ...options.session,
        ...extras,
        dataLoader,
        imports: [UsersModule, ...imports],
      }),
      ...(options.imports ?? []),
    ],
    controllers: [AccountController, ...(options.controllers ?? [])],
    providers: options.providers ?? [],
  })
    .overrideProvider(SessionClock)
    .useValue(clock)
    .compile();
  const app = moduleRef.createNestApplication(createAdapter(adapter), {
    logger: ['fatal'],
  });
  options.configure?.(app);
  await app.listen(0, '127.0.0.1');
  const server = app.getHttpServer() as import('node:http').Server;
  if (!server.listening) {
    await once(server, 'listening');
  }
  const { port } = server.address() as AddressInfo;
  const header = options.session?.csrf?.header;
  return new TestApp(app, adapter, clock, users, port, {
    ...(header && { [header]: 'fetch' }),
  });
}
