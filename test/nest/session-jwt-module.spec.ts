import { inspect } from 'node:util';
import {
  Controller,
  Get,
  Global,
  Inject,
  Injectable,
  Module,
  Req,
  Res,
  Scope,
  UseGuards,
  type CanActivate,
  type DynamicModule,
  type Type,
} from '@nestjs/common';
import { ConfigModule, ConfigService } from '@nestjs/config';
import { NestFactory, REQUEST } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { TestSessionClock } from '../../lib/testing/index.js';
import {
  ActiveSession,
  OptionalSession,
  Public,
  Session,
  SessionClock,
  SessionConfigError,
  SessionDataLoader,
  SessionGuard,
  SessionJwtModule,
  SessionService,
  type SecretInput,
  type SessionJwtModuleOptions,
  type SessionJwtOptionsFactory,
  type SessionRequest,
} from '../../lib/index.js';
import { SessionExceptionFilter } from '../../lib/nest/session-exception.filter.js';
import { CapturedLogs } from '../support/captured-logs.js';
import { librarySources } from '../support/library-sources.js';
import {
  boot,
  bootError,
  closeBooted,
  type BootedApp,
} from '../support/nest-app.js';
import { OTHER_SECRET, SECRET } from '../support/secrets.js';

/** The data source behind the loader: what `imports` is for. */
class Directory {
  built = 0;

  roleOf(user: string): string {
    return user === 'ada' ? 'admin' : 'member';
  }
}

@Module({ providers: [Directory], exports: [Directory] })
class DirectoryModule {
  static instances = 0;

  constructor() {
    DirectoryModule.instances += 1;
  }
}

@Injectable()
class DirectoryLoader extends SessionDataLoader<string, object> {
  constructor(@Inject(Directory) private readonly directory: Directory) {
    super();
  }

  load(user: string): object {
    return { user, role: this.directory.roleOf(user) };
  }
}

@Injectable()
class PlainLoader extends SessionDataLoader<string, object> {
  load(user: string): object {
    return { user, role: 'loaded' };
  }
}

@Controller()
class MeController {
  @Get('me')
  me(@Session('data') data: unknown) {
    return { data };
  }

  @Public()
  @Get('open')
  open() {
    return 'open';
  }
}

/** What a client that signs in sees of `/me`. */
async function dataSeenBy(app: BootedApp, user = 'ada'): Promise<unknown> {
  const { token } = await app.get(SessionService).generate(user);
  const response = await app.send({
    path: '/me',
    headers: { Cookie: `__Host-Http-session=${token}` },
  });
  expect(response.status).toBe(200);
  return response.json.data;
}

/** Every fault that stopped the boot. */
async function faultsOf(imports: DynamicModule[]): Promise<readonly string[]> {
  const error = await bootError({ imports });
  expect(error).toBeInstanceOf(SessionConfigError);
  return (error as SessionConfigError).faults;
}

const statusOfMe = async (app: BootedApp): Promise<number> =>
  (await app.send({ path: '/me' })).status;

afterEach(closeBooted);

describe('SessionJwtModule.forRoot', () => {
  it('guards every route but public ones, with options known beforehand', async () => {
    const app = await boot({
      imports: [
        SessionJwtModule.forRoot({ secret: SECRET, dataLoader: PlainLoader }),
      ],
      controllers: [MeController],
    });
    expect(await statusOfMe(app)).toBe(401);
    expect((await app.send({ path: '/open' })).status).toBe(200);
    expect(await dataSeenBy(app)).toEqual({ user: 'ada', role: 'loaded' });
  });

  it('has the loader built by the injector, with what `imports` exports', async () => {
    const app = await boot({
      imports: [
        SessionJwtModule.forRoot({
          secret: SECRET,
          dataLoader: DirectoryLoader,
          imports: [DirectoryModule],
        }),
      ],
      controllers: [MeController],
    });
    expect(await dataSeenBy(app)).toEqual({ user: 'ada', role: 'admin' });
  });

  it('takes the params as the data with `dataLoader: false`', async () => {
    const app = await boot({
      imports: [
        SessionJwtModule.forRoot({ secret: SECRET, dataLoader: false }),
      ],
      controllers: [MeController],
    });
    expect(await dataSeenBy(app)).toBe('ada');
  });

  it('starts under NestFactory, where faults reach the caller as they are', async () => {
    @Module({
      imports: [SessionJwtModule.forRoot({ secret: '', dataLoader: false })],
    })
    class AppModule {}
    const starting = NestFactory.create(AppModule, new ExpressAdapter(), {
      abortOnError: false,
      logger: false,
    });
    await expect(starting).rejects.toBeInstanceOf(SessionConfigError);
  });
});

describe('SessionJwtModule.forRootAsync', () => {
  const config = ConfigModule.forRoot({
    ignoreEnvFile: true,
    load: [() => ({ SESSION_SECRET: SECRET })],
  });

  @Injectable()
  class FromConfig implements SessionJwtOptionsFactory {
    constructor(@Inject(ConfigService) private readonly of: ConfigService) {}

    createSessionJwtOptions(): SessionJwtModuleOptions {
      return { secret: this.of.getOrThrow<string>('SESSION_SECRET') };
    }
  }

  @Injectable()
  class FromVault implements SessionJwtOptionsFactory {
    async createSessionJwtOptions(): Promise<SessionJwtModuleOptions> {
      return { secret: await Promise.resolve(SECRET) };
    }
  }

  @Module({ imports: [config], providers: [FromConfig], exports: [FromConfig] })
  class FactoryModule {}

  it.each<[string, () => DynamicModule]>([
    [
      'useFactory with the configuration service injected',
      () =>
        SessionJwtModule.forRootAsync({
          imports: [config],
          inject: [ConfigService],
          dataLoader: PlainLoader,
          useFactory: (of: ConfigService) => ({
            secret: of.getOrThrow<string>('SESSION_SECRET'),
          }),
        }),
    ],
    [
      'useFactory with a promise of the secret',
      () =>
        SessionJwtModule.forRootAsync({
          dataLoader: PlainLoader,
          useFactory: async () => ({ secret: await Promise.resolve(SECRET) }),
        }),
    ],
    [
      'useClass',
      () =>
        SessionJwtModule.forRootAsync({
          imports: [config],
          dataLoader: PlainLoader,
          useClass: FromConfig,
        }),
    ],
    [
      'useClass with a promise of the options',
      () =>
        SessionJwtModule.forRootAsync({
          dataLoader: PlainLoader,
          useClass: FromVault,
        }),
    ],
    [
      'useExisting',
      () =>
        SessionJwtModule.forRootAsync({
          imports: [FactoryModule],
          dataLoader: PlainLoader,
          useExisting: FromConfig,
        }),
    ],
  ])('takes options from %s', async (_kind, imported) => {
    const app = await boot({
      imports: [imported()],
      controllers: [MeController],
    });
    expect(await statusOfMe(app)).toBe(401);
    expect(await dataSeenBy(app)).toEqual({ user: 'ada', role: 'loaded' });
  });

  it('signs with the secret that the factory gave', async () => {
    const issuing = await boot({
      imports: [
        SessionJwtModule.forRoot({ secret: SECRET, dataLoader: false }),
      ],
    });
    const checking = await boot({
      imports: [
        SessionJwtModule.forRootAsync({
          dataLoader: false,
          useFactory: async () => ({ secret: [OTHER_SECRET, SECRET] }),
        }),
      ],
    });
    const { token } = await issuing.get(SessionService).generate('ada');
    const session = await checking.get(SessionService).verify(token);
    expect(session.subject).toBe('ada');
  });

  it('builds the loader with what `imports` exports, and each imported module once', async () => {
    DirectoryModule.instances = 0;
    const app = await boot({
      imports: [
        SessionJwtModule.forRootAsync({
          imports: [DirectoryModule],
          dataLoader: DirectoryLoader,
          useFactory: () => ({ secret: SECRET }),
        }),
      ],
      controllers: [MeController],
    });
    expect(await dataSeenBy(app)).toEqual({ user: 'ada', role: 'admin' });
    expect(DirectoryModule.instances).toBe(1);
  });

  it('does not start when the factory fails, and says why', async () => {
    const failure = new Error('the vault is sealed');
    const error = await bootError({
      imports: [
        SessionJwtModule.forRootAsync({
          dataLoader: false,
          useFactory: () => Promise.reject(failure),
        }),
      ],
    });
    expect(error).toBe(failure);
  });

  it.each([
    ['dataLoader', PlainLoader],
    ['dataLoader', false],
    ['global', false],
    ['guard', false],
    ['jwks', true],
    ['openapi', false],
    ['imports', [DirectoryModule]],
  ])(
    'refuses %s in the result of the factory, too late to count (given: %p)',
    async (name, value) => {
      const faults = await faultsOf([
        SessionJwtModule.forRootAsync({
          dataLoader: false,
          useFactory: () => ({ secret: SECRET, [name]: value }),
        }),
      ]);
      expect(faults).toEqual([
        `${name}: must be known before the factory runs; pass it next to useFactory`,
      ]);
    },
  );

  it.each([
    ['cookie', { name: 'sid' }],
    ['csrf', { header: 'X-Requested-With' }],
    ['secret', SECRET],
    ['gaurd', false],
  ])(
    'refuses %s beside useFactory instead of ignoring it',
    async (name, value) => {
      const faults = await faultsOf([
        SessionJwtModule.forRootAsync({
          dataLoader: false,
          useFactory: () => ({ secret: SECRET }),
          [name]: value,
        }),
      ]);
      expect(faults).toHaveLength(1);
      expect(faults[0]).toMatch(new RegExp(`^${name}: `));
    },
  );

  it.each([[undefined], [null], ['secret'], [42], [[]]])(
    'does not start when the factory gives %p for options (V-09)',
    async (given) => {
      const faults = await faultsOf([
        SessionJwtModule.forRootAsync({
          dataLoader: false,
          useFactory: () => given as never,
        }),
      ]);
      expect(faults.some((fault) => fault.startsWith('options: '))).toBe(true);
    },
  );
});

describe('the loader of SessionJwtModule', () => {
  @Module({
    providers: [{ provide: SessionDataLoader, useClass: PlainLoader }],
    exports: [SessionDataLoader],
  })
  class LoaderModule {}

  @Global()
  @Module({
    providers: [{ provide: SessionDataLoader, useClass: PlainLoader }],
    exports: [SessionDataLoader],
  })
  class GlobalLoaderModule {}

  @Module({
    providers: [{ provide: SessionDataLoader, useClass: PlainLoader }],
  })
  class KeptToItselfModule {}

  it('is found as SessionDataLoader in an imported module', async () => {
    const app = await boot({
      imports: [
        SessionJwtModule.forRoot({ secret: SECRET, imports: [LoaderModule] }),
      ],
      controllers: [MeController],
    });
    expect(await dataSeenBy(app)).toEqual({ user: 'ada', role: 'loaded' });
  });

  it('is found as SessionDataLoader in a module that forRootAsync imports', async () => {
    const app = await boot({
      imports: [
        SessionJwtModule.forRootAsync({
          imports: [LoaderModule],
          useFactory: () => ({ secret: SECRET }),
        }),
      ],
      controllers: [MeController],
    });
    expect(await dataSeenBy(app)).toEqual({ user: 'ada', role: 'loaded' });
  });

  it('is found as SessionDataLoader in a global module', async () => {
    const app = await boot({
      imports: [
        GlobalLoaderModule,
        SessionJwtModule.forRoot({ secret: SECRET }),
      ],
      controllers: [MeController],
    });
    expect(await dataSeenBy(app)).toEqual({ user: 'ada', role: 'loaded' });
  });

  it('given as dataLoader wins over one that a global module provides', async () => {
    const app = await boot({
      imports: [
        GlobalLoaderModule,
        SessionJwtModule.forRoot({
          secret: SECRET,
          dataLoader: DirectoryLoader,
          imports: [DirectoryModule],
        }),
      ],
      controllers: [MeController],
    });
    expect(await dataSeenBy(app)).toEqual({ user: 'ada', role: 'admin' });
  });

  it('switched off by `dataLoader: false` stays off next to a global one', async () => {
    const app = await boot({
      imports: [
        GlobalLoaderModule,
        SessionJwtModule.forRoot({ secret: SECRET, dataLoader: false }),
      ],
      controllers: [MeController],
    });
    expect(await dataSeenBy(app)).toBe('ada');
  });

  it.each<[string, object]>([
    ['nobody provides one', {}],
    [
      'only the root module provides one, which a dynamic module cannot see',
      { providers: [{ provide: SessionDataLoader, useClass: PlainLoader }] },
    ],
    [
      'the module that provides one does not export it',
      { imports: [KeptToItselfModule] },
    ],
  ])('stops the boot when %s', async (_case, metadata) => {
    const { imports = [], ...others } = metadata as { imports?: Type[] };
    const error = (await bootError({
      ...others,
      imports: [...imports, SessionJwtModule.forRoot({ secret: SECRET })],
    })) as SessionConfigError;
    expect(error).toBeInstanceOf(SessionConfigError);
    expect(error.faults).toHaveLength(1);
    for (const hint of [
      'dataLoader: expected a loader, got none',
      '`dataLoader: YourLoader`',
      '`SessionDataLoader`',
      '`imports`',
      'global',
      'providers of the root module are not visible here',
      '`dataLoader: false`',
    ]) {
      expect(error.message).toContain(hint);
    }
  });

  @Injectable({ scope: Scope.REQUEST })
  class RequestLoader extends PlainLoader {}

  @Injectable({ scope: Scope.REQUEST, durable: true })
  class DurableLoader extends PlainLoader {}

  @Injectable()
  class LoaderOfTheRequest extends PlainLoader {
    constructor(@Inject(REQUEST) readonly request: unknown) {
      super();
    }
  }

  @Injectable({ scope: Scope.REQUEST })
  class RequestDirectory {}

  @Module({ providers: [RequestDirectory], exports: [RequestDirectory] })
  class RequestDirectoryModule {}

  @Injectable()
  class LoaderOfRequestDirectory extends PlainLoader {
    constructor(@Inject(RequestDirectory) readonly directory: object) {
      super();
    }
  }

  describe.each([[true], [false]])('with `guard: %p`', (guard) => {
    it.each<[string, Type<SessionDataLoader>, Type<Error>]>([
      ['is request-scoped', RequestLoader, SessionConfigError],
      ['is durable', DurableLoader, SessionConfigError],
      ['injects the request', LoaderOfTheRequest, Error],
      ['depends on something request-scoped', LoaderOfRequestDirectory, Error],
    ])('stops the boot when it %s', async (_case, dataLoader, expected) => {
      const error = await bootError({
        imports: [
          SessionJwtModule.forRoot({
            secret: SECRET,
            dataLoader,
            guard,
            imports: [RequestDirectoryModule],
          }),
        ],
        controllers: [MeController],
      });
      // What the loader depends on, Nest itself sees and refuses.
      expect(error).toBeInstanceOf(expected);
      expect((error as Error).message).toContain('request-scoped');
    });
  });

  it('may be transient', async () => {
    @Injectable({ scope: Scope.TRANSIENT })
    class TransientLoader extends PlainLoader {}
    const app = await boot({
      imports: [
        SessionJwtModule.forRoot({
          secret: SECRET,
          dataLoader: TransientLoader,
        }),
      ],
      controllers: [MeController],
    });
    expect(await dataSeenBy(app)).toEqual({ user: 'ada', role: 'loaded' });
  });
});

describe('the message of SessionConfigError', () => {
  it('names every fault at once, the missing loader among them', async () => {
    const faults = await faultsOf([
      SessionJwtModule.forRoot({
        secret: 'too short',
        dataRefreshInterval: '900',
        lifetime: { idle: '1s' },
        cookie: { sameSite: 'none', secure: false },
        sessionTimeout: 5,
      } as never),
    ]);
    const named = faults.map((fault) => fault.slice(0, fault.indexOf(':')));
    expect(named).toEqual(
      expect.arrayContaining([
        'secret',
        'dataRefreshInterval',
        'lifetime.idle',
        'cookie.sameSite',
        'sessionTimeout',
        'dataLoader',
      ]),
    );
  });

  it.each<[string, SecretInput | SecretInput[]]>([
    ['a short text', 'Zu-kurz-4711'],
    ['a repeated pattern', 'Tr4mp3lp'.repeat(8)],
    ['a short text in an array', [SECRET, 'Zu-kurz-4711']],
    ['one given twice', [SECRET, SECRET]],
    ['bytes', Buffer.from('Zu-kurz-4711')],
    [
      'a PEM',
      `-----BEGIN PUBLIC KEY-----\n${OTHER_SECRET}${OTHER_SECRET}\n-----END PUBLIC KEY-----`,
    ],
    ['a JWK', JSON.stringify({ kty: 'RSA', n: OTHER_SECRET, e: 'AQAB' })],
  ])('never shows the secret: %s (A-168)', async (_kind, secret) => {
    const error = (await bootError({
      imports: [SessionJwtModule.forRoot({ secret, dataLoader: false })],
    })) as SessionConfigError;
    expect(error).toBeInstanceOf(SessionConfigError);
    expect(error.faults[0]).toMatch(/^secret/);
    const printed = [
      error.message,
      error.stack,
      JSON.stringify(error),
      inspect(error, { depth: null, showHidden: true }),
    ].join('\n');
    for (const given of [secret].flat().map(String)) {
      for (let start = 0; start + 8 <= given.length; start += 8) {
        // Parts, since a message might show the beginning of a secret only.
        const part = given.slice(start, start + 8);
        const isOurWording = 'BEGIN PUBLIC KEY END'.includes(part.trim());
        expect({
          part,
          shown: !isOurWording && printed.includes(part),
        }).toEqual({ part, shown: false });
      }
    }
  });

  it.each<[string, unknown]>([
    ['an unset variable', undefined],
    ['null', null],
    ['an empty text', ''],
    ['no bytes', Buffer.alloc(0)],
    ['an empty list', []],
    ['a list of nothing', [undefined]],
    ['a list with an empty text', [SECRET, '']],
    ['a number', 0],
    ['an object', {}],
    ['true', true],
  ])(
    'stops the boot for %s as the secret (A-168, V-09, V-16)',
    async (_kind, secret) => {
      const factory = (): SessionJwtModuleOptions => ({ secret }) as never;
      const direct = SessionJwtModule.forRoot({
        ...factory(),
        dataLoader: false,
      });
      const later = SessionJwtModule.forRootAsync({
        dataLoader: false,
        useFactory: factory,
      });
      for (const imported of [direct, later]) {
        const faults = await faultsOf([imported]);
        expect(faults).toHaveLength(1);
        expect(faults[0]).toMatch(/^secret(\[\d\])?: /);
      }
    },
  );
});

describe('`global` of SessionJwtModule', () => {
  @Injectable()
  class UsesSessions {
    constructor(@Inject(SessionService) readonly sessions: SessionService) {}
  }

  @Module({ providers: [UsesSessions] })
  class FeatureModule {}

  it('lets every module inject SessionService by default', async () => {
    const app = await boot({
      imports: [
        FeatureModule,
        SessionJwtModule.forRoot({ secret: SECRET, dataLoader: false }),
      ],
    });
    expect(app.get(UsesSessions).sessions).toBe(app.get(SessionService));
  });

  it('`false` keeps SessionService to the modules that import it, and still guards every route', async () => {
    const sessions = SessionJwtModule.forRoot({
      secret: SECRET,
      dataLoader: false,
      global: false,
    });
    const error = await bootError({ imports: [FeatureModule, sessions] });
    expect(String(error)).toContain('UsesSessions');

    @Module({ imports: [sessions], providers: [UsesSessions] })
    class ImportingModule {}
    const app = await boot({
      imports: [ImportingModule, sessions],
      controllers: [MeController],
    });
    expect(app.get(UsesSessions).sessions).toBe(app.get(SessionService));
    expect(await statusOfMe(app)).toBe(401);
  });

  it('`false` gives two modules that import one definition the same sessions', async () => {
    const sessions = SessionJwtModule.forRoot({
      secret: SECRET,
      dataLoader: false,
      global: false,
    });
    class A extends UsesSessions {}
    class B extends UsesSessions {}
    @Module({ imports: [sessions], providers: [A] })
    class ModuleA {}
    @Module({ imports: [sessions], providers: [B] })
    class ModuleB {}
    const app = await boot({ imports: [ModuleA, ModuleB] });
    expect(app.get(A).sessions).toBe(app.get(B).sessions);
  });

  it.each([[undefined], [null]])(
    'is on when it is given as %p, and so is `guard`',
    async (nothing) => {
      const app = await boot({
        imports: [
          FeatureModule,
          SessionJwtModule.forRoot({
            secret: SECRET,
            dataLoader: false,
            global: nothing,
            guard: nothing,
          } as never),
        ],
        controllers: [MeController],
      });
      expect(await statusOfMe(app)).toBe(401);
    },
  );
});

describe('`guard: false` of SessionJwtModule', () => {
  @UseGuards(SessionGuard)
  @Controller('closed')
  class ClosedController {
    @Get()
    closed(@Session('subject') subject: string) {
      return { subject };
    }
  }

  @Module({ controllers: [ClosedController] })
  class ClosedModule {}

  const sessions = (): DynamicModule =>
    SessionJwtModule.forRoot({
      secret: SECRET,
      dataLoader: false,
      guard: false,
    });

  it('guards the routes that use SessionGuard, in any module, and no other', async () => {
    const app = await boot({
      imports: [sessions(), ClosedModule],
      controllers: [MeController],
    });
    expect((await app.send({ path: '/closed' })).status).toBe(401);
    expect(await statusOfMe(app)).toBe(200);
    const { token } = await app.get(SessionService).generate('ada');
    const closed = await app.send({
      path: '/closed',
      headers: { Cookie: `__Host-Http-session=${token}` },
    });
    expect(closed.json).toEqual({ subject: 'ada' });
  });

  it('guards a single method and a module that imports it by itself', async () => {
    @Controller()
    class MixedController {
      @UseGuards(SessionGuard)
      @Get('closed')
      closed() {
        return 'closed';
      }

      @Get('me')
      me() {
        return 'open';
      }
    }
    const own = SessionJwtModule.forRoot({
      secret: SECRET,
      dataLoader: false,
      guard: false,
      global: false,
    });
    @Module({ imports: [own], controllers: [MixedController] })
    class MixedModule {}
    const app = await boot({ imports: [MixedModule] });
    expect((await app.send({ path: '/closed' })).status).toBe(401);
    expect(await statusOfMe(app)).toBe(200);
  });

  it('is replaced in tests by overrideGuard', async () => {
    const app = await boot(
      { imports: [sessions(), ClosedModule] },
      {
        override: (builder) =>
          builder
            .overrideGuard(SessionGuard)
            .useValue({ canActivate: () => true }),
      },
    );
    expect((await app.send({ path: '/closed' })).status).toBe(200);
  });
});

describe('overrides in tests', () => {
  const pass: CanActivate = { canActivate: () => true };

  it('replace the guard of the application by overrideProvider(SessionGuard)', async () => {
    const app = await boot(
      {
        imports: [
          SessionJwtModule.forRoot({ secret: SECRET, dataLoader: false }),
        ],
        controllers: [MeController],
      },
      {
        override: (builder) =>
          builder.overrideProvider(SessionGuard).useValue(pass),
      },
    );
    expect(await statusOfMe(app)).toBe(200);
  });

  it('replace the clock by overrideProvider(SessionClock), and all of the library reads it', async () => {
    const clock = new TestSessionClock(new Date('2031-01-01T00:00:00Z'));
    const app = await boot(
      {
        imports: [
          SessionJwtModule.forRoot({ secret: SECRET, dataLoader: false }),
        ],
      },
      {
        override: (builder) =>
          builder.overrideProvider(SessionClock).useValue(clock),
      },
    );
    const sessions = app.get(SessionService);
    const { token, session } = await sessions.generate('ada');
    expect(session.issuedAt).toEqual(new Date('2031-01-01T00:00:00Z'));
    clock.advance('6d');
    await expect(sessions.verify(token)).resolves.toBeInstanceOf(ActiveSession);
    clock.advance('1d');
    await expect(sessions.verify(token)).rejects.toMatchObject({
      code: 'TOKEN_EXPIRED',
    });
  });

  it('replace the loader by overrideProvider(SessionDataLoader)', async () => {
    const app = await boot(
      {
        imports: [
          SessionJwtModule.forRoot({
            secret: SECRET,
            dataLoader: DirectoryLoader,
            imports: [DirectoryModule],
          }),
        ],
        controllers: [MeController],
      },
      {
        override: (builder) =>
          builder
            .overrideProvider(SessionDataLoader)
            .useValue({ load: (user: string) => ({ user, role: 'mocked' }) }),
      },
    );
    expect(await dataSeenBy(app)).toEqual({ user: 'ada', role: 'mocked' });
  });
});

describe('two copies of SessionJwtModule in one application', () => {
  const ADMIN_COOKIE = '__Host-admin';
  let handled: string[] = [];

  @Injectable()
  class Admins {
    constructor(@Inject(SessionService) readonly sessions: SessionService) {}
  }

  @UseGuards(SessionGuard)
  @Controller('admin')
  class AdminController {
    @Get()
    admin(@Session('subject') subject: string) {
      handled.push(subject);
      return { subject };
    }

    @OptionalSession()
    @Get('maybe')
    maybe(@Session('subject') subject: string | undefined) {
      return { subject: subject ?? null };
    }
  }

  @Module({
    imports: [
      SessionJwtModule.forRoot({
        secret: OTHER_SECRET,
        issuer: 'admin',
        cookie: { name: ADMIN_COOKIE },
        dataLoader: false,
        global: false,
        guard: false,
      }),
    ],
    providers: [Admins],
    controllers: [AdminController],
  })
  class AdminModule {}

  @Injectable()
  class Customers {
    constructor(@Inject(SessionService) readonly sessions: SessionService) {}
  }

  @UseGuards(SessionGuard)
  @Controller('shop')
  class ShopController {
    @Get()
    shop(@Session('subject') subject: string) {
      return { subject };
    }
  }

  @Module({ providers: [Customers], controllers: [ShopController] })
  class ShopModule {}

  const customers = (guard: boolean): DynamicModule =>
    SessionJwtModule.forRoot({ secret: SECRET, dataLoader: false, guard });

  it.each([[false], [true]])(
    'never let a session of one open a route that the other guards (application guard: %p) (V-42)',
    async (guard) => {
      handled = [];
      const starting = boot({
        imports: [customers(guard), ShopModule, AdminModule],
      });
      let app: BootedApp;
      try {
        app = await starting;
      } catch (error) {
        // To refuse a second copy is as good an answer.
        expect(error).toBeInstanceOf(SessionConfigError);
        return;
      }
      const { token } = await app.get(Customers).sessions.generate('customer');
      const headers = { Cookie: `__Host-Http-session=${token}` };
      const shop = await app.send({ path: '/shop', headers });
      expect(shop.json).toEqual({ subject: 'customer' });

      const admin = await app.send({ path: '/admin', headers });
      expect(handled).toEqual([]);
      expect(admin.status).toBe(401);
      const maybe = await app.send({ path: '/admin/maybe', headers });
      expect(maybe.json).toEqual({ subject: null });

      const ofAdmin = await app.get(Admins).sessions.generate('administrator');
      const both = {
        Cookie: `__Host-Http-session=${token}; ${ADMIN_COOKIE}=${ofAdmin.token}`,
      };
      const admitted = await app.send({ path: '/admin', headers: both });
      expect(admitted.json).toEqual({ subject: 'administrator' });
      const shopping = await app.send({ path: '/shop', headers: both });
      expect(shopping.json).toEqual({ subject: 'customer' });
    },
  );

  describe('that both guard the whole application', () => {
    const guarding = (): DynamicModule =>
      SessionJwtModule.forRoot({ secret: OTHER_SECRET, dataLoader: false });

    @Module({ imports: [guarding()] })
    class FarAwayModule {}

    it.each<[string, () => DynamicModule[] | Type[]]>([
      ['side by side', () => [customers(true), guarding()]],
      [
        'one of them in a feature module',
        () => [customers(true), FarAwayModule] as Type[],
      ],
      [
        'one with options of a factory',
        () => [
          customers(true),
          SessionJwtModule.forRootAsync({
            dataLoader: false,
            global: false,
            useFactory: () => ({ secret: OTHER_SECRET }),
          }),
        ],
      ],
      ['with the same options', () => [customers(true), customers(true)]],
    ])('stop the boot, which says what to do: %s', async (_case, imports) => {
      const error = await bootError({ imports: imports() });
      expect(error).toBeInstanceOf(SessionConfigError);
      const { faults } = error as SessionConfigError;
      expect(faults).toHaveLength(1);
      expect(faults[0]).toMatch(/^guard: expected one .*, got 2; /);
      expect(faults[0]).toContain('guard: false');
      expect(faults[0]).toContain('@UseGuards(SessionGuard)');
    });

    it('are named beside the other faults', async () => {
      const faults = await faultsOf([
        customers(true),
        SessionJwtModule.forRoot({ secret: '', dataLoader: false }),
      ]);
      expect(faults.some((fault) => fault.startsWith('guard: '))).toBe(true);
    });

    it('start in two applications of one process', async () => {
      const apps = await Promise.all(
        [customers(true), customers(true), guarding()].map((imported) =>
          boot({ imports: [imported], controllers: [MeController] }),
        ),
      );
      expect(await Promise.all(apps.map(statusOfMe))).toEqual([401, 401, 401]);
    });
  });

  describe('each with sessions of its own', () => {
    const csrf = { token: true };
    let app: BootedApp;
    let logs: CapturedLogs;

    @Injectable()
    class Both {
      constructor(
        @Inject(Admins) readonly admins: Admins,
        @Inject(SessionService) readonly sessions: SessionService,
      ) {}
    }

    @UseGuards(SessionGuard)
    @Controller('elevate')
    class ElevateController {
      constructor(@Inject(Both) private readonly both: Both) {}

      /** Signs an administrator in where a customer is signed in. */
      @Get()
      async elevate(
        @Session() session: ActiveSession,
        @Req() request: SessionRequest,
        @Res({ passthrough: true }) response: object,
      ) {
        const { admins, sessions } = this.both;
        await admins.sessions.generate('administrator', { response });
        const customer = await sessions.authenticate(request, { response });
        const admin = await admins.sessions.authenticate(request);
        return {
          before: session.subject,
          customer: customer?.subject,
          admin: admin?.subject ?? null,
        };
      }

      /** Hands a customer's session to the other module. */
      @Get('mistake')
      mistake(@Session() session: ActiveSession) {
        return this.both.admins.sessions.update(session, { role: 'owner' });
      }

      /** Signs the administrator out, and the customer not. */
      @Get('leave')
      async leave(
        @Session() session: ActiveSession,
        @Req() request: SessionRequest & { session?: unknown },
        @Res({ passthrough: true }) response: object,
      ) {
        await this.both.admins.sessions.revoke(request, { response });
        return { isKept: request.session === session };
      }
    }

    @Module({
      imports: [
        SessionJwtModule.forRoot({
          secret: OTHER_SECRET,
          cookie: { name: ADMIN_COOKIE },
          csrf,
          dataLoader: false,
          global: false,
          guard: false,
        }),
      ],
      providers: [Admins],
      exports: [Admins],
      controllers: [AdminController],
    })
    class OtherAdminModule {}

    @Module({
      imports: [OtherAdminModule],
      providers: [Both],
      controllers: [ElevateController],
    })
    class ElevateModule {}

    beforeEach(async () => {
      logs = new CapturedLogs();
      app = await boot(
        {
          imports: [
            SessionJwtModule.forRoot({
              secret: SECRET,
              csrf,
              dataLoader: false,
            }),
            ElevateModule,
          ],
        },
        { logger: logs },
      );
    });

    it.each<
      [string, (sessions: SessionService, session: ActiveSession) => unknown]
    >([
      ['update', (sessions, session) => sessions.update(session, { a: 1 })],
      ['reload', (sessions, session) => sessions.reload(session)],
      ['revoke', (sessions, session) => sessions.revoke(session)],
      ['csrfToken', (sessions, session) => sessions.csrfToken(session)],
      ['tokenOf', (sessions, session) => sessions.tokenOf(session)],
    ])('refuse those of the other in %s, and say so', async (_method, use) => {
      const { sessions, admins } = app.get(Both);
      const own = (await sessions.generate('ada')).session;
      const checked = await sessions.verify(
        (await sessions.generate('ada')).token,
      );
      for (const session of [own, checked]) {
        const asked = (async () => use(admins.sessions, session))();
        await expect(asked).rejects.toMatchObject({
          name: 'SessionError',
          code: 'SESSION_FOREIGN',
          message: expect.stringContaining(
            'the SessionService of the module that created it',
          ),
        });
        await use(sessions, session);
      }
    });

    it.each([
      [{}],
      [undefined],
      [null],
      ['session'],
      [{ id: 'a', subject: 'b' }],
    ])('refuse %p, which is no session, alike', async (value) => {
      const { sessions } = app.get(Both);
      for (const refused of [
        sessions.update(value as never, {}),
        sessions.reload(value as never),
        (async () => sessions.csrfToken(value as never))(),
        (async () => sessions.tokenOf(value as never))(),
      ]) {
        await expect(refused).rejects.toMatchObject({
          code: 'SESSION_FOREIGN',
        });
      }
    });

    it('answer 500 to a handler that mixes them up, issue nothing, and log it', async () => {
      const { token } = await app.get(Both).sessions.generate('ada');
      const response = await app.send({
        path: '/elevate/mistake',
        headers: { Cookie: `__Host-Http-session=${token}` },
      });
      expect(response.status).toBe(500);
      expect(response.setCookie).toEqual([]);
      expect(response.text).not.toContain('SESSION_FOREIGN');
      expect(logs.matching('SESSION_FOREIGN', 'error')).toHaveLength(1);
    });

    it('are not taken for each other after a sign-in within a request of the other', async () => {
      const { token } = await app.get(Both).sessions.generate('ada');
      const response = await app.send({
        path: '/elevate',
        headers: { Cookie: `__Host-Http-session=${token}` },
      });
      expect(response.json).toEqual({
        before: 'ada',
        customer: 'ada',
        admin: null,
      });
      expect(response.setCookie).toHaveLength(1);
    });

    it('are taken away by a sign-out of their own module only', async () => {
      const { sessions, admins } = app.get(Both);
      const { token } = await sessions.generate('ada');
      const admin = await admins.sessions.generate('administrator');
      const response = await app.send({
        path: '/elevate/leave',
        headers: {
          Cookie: `__Host-Http-session=${token}; ${ADMIN_COOKIE}=${admin.token}`,
        },
      });
      expect(response.json).toEqual({ isKept: true });
      await expect(admins.sessions.verify(admin.token)).rejects.toMatchObject({
        code: 'SESSION_ENDED',
      });
      await expect(sessions.verify(token)).resolves.toBeDefined();
    });
  });

  it('build one set of parts when a child module imports the same definition again', async () => {
    const sessions = SessionJwtModule.forRoot({
      secret: SECRET,
      dataLoader: PlainLoader,
    });
    @Module({ imports: [sessions], controllers: [MeController] })
    class ChildModule {}
    const app = await boot({ imports: [sessions, ChildModule] });
    const found = app.app.get(SessionService, { strict: false, each: true });
    expect(found).toHaveLength(1);
    expect(await dataSeenBy(app)).toEqual({ user: 'ada', role: 'loaded' });
  });
});

describe('dependency injection in lib/nest', () => {
  const injectables = librarySources()
    .filter(({ path }) => path.startsWith('lib/nest/'))
    .flatMap(({ path, text }) => {
      const found = text.match(
        /^ *@(?:Injectable|Catch|Module|Controller)\([\s\S]*?^ *(?:export )?class (?<name>\w+)[\s\S]*?\bconstructor\((?<parameters>[\s\S]*?)\)\s*\{/m,
      );
      return found ? [{ path, ...found.groups }] : [];
    }) as { path: string; name: string; parameters: string }[];

  it('is found by this test at all', () => {
    expect(injectables.map(({ name }) => name).toSorted()).toEqual([
      'DeviceBindingController',
      'ModuleGuard',
      'ProvidedSessionGuard',
      'ReplyHook',
      'SessionConnections',
      'SessionExceptionFilter',
      'SessionGuard',
      'SessionHealth',
      'SessionJwksController',
      'SessionRoutesController',
      'SessionService',
      'UnguardedFields',
      'UnguardedGateways',
    ]);
  });

  it.each(injectables)(
    'names what $name wants by @Inject, on every parameter',
    ({ parameters }) => {
      const listed = parameters
        .split(/,(?![^(]*\))/)
        .map((parameter) => parameter.trim())
        .filter((parameter) => parameter !== '');
      expect(listed.length).toBeGreaterThan(0);
      expect(
        listed.filter((parameter) => !parameter.startsWith('@Inject(')),
      ).toEqual([]);
    },
  );

  it('works where the compiler emits no metadata for decorators', async () => {
    const KEY = 'design:paramtypes';
    const classes = [
      SessionJwtModule,
      SessionGuard,
      SessionService,
      SessionExceptionFilter,
    ];
    const emitted = classes.map(
      (each) => [each, Reflect.getOwnMetadata(KEY, each)] as const,
    );
    try {
      classes.forEach((each) => Reflect.deleteMetadata(KEY, each));
      const app = await boot({
        imports: [
          SessionJwtModule.forRoot({ secret: SECRET, dataLoader: PlainLoader }),
        ],
        controllers: [MeController],
      });
      expect(await statusOfMe(app)).toBe(401);
      expect(await dataSeenBy(app)).toEqual({ user: 'ada', role: 'loaded' });
    } finally {
      for (const [each, metadata] of emitted) {
        if (metadata !== undefined) {
          Reflect.defineMetadata(KEY, metadata, each);
        }
      }
    }
  });

  it('logs nothing at an ordinary start and stop', async () => {
    const logger = new CapturedLogs();
    await boot(
      {
        imports: [
          SessionJwtModule.forRoot({ secret: SECRET, dataLoader: PlainLoader }),
        ],
      },
      { logger },
    );
    await closeBooted();
    expect(logger.matching('', 'warn', 'error', 'fatal')).toEqual([]);
    expect(logger.matching('SessionJwtModule')).toEqual([
      'SessionJwtModule dependencies initialized InstanceLoader',
    ]);
  });
});
