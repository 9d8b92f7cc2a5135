import {
  Controller,
  Get,
  Inject,
  Injectable,
  Module,
  UseGuards,
  type CanActivate,
  type Type,
} from '@nestjs/common';
import { of } from 'rxjs';
import {
  Authorize,
  Public,
  Session,
  SessionConfigError,
  SessionGuard,
  SessionJwtModule,
  SessionService,
  type SessionJwtModuleExtras,
} from '../../lib/index.js';
import {
  boot,
  bootError,
  closeBooted,
  type BootedApp,
  type BootOptions,
} from '../support/nest-app.js';
import { OTHER_SECRET, SECRET } from '../support/secrets.js';

afterEach(closeBooted);

const isAda = Authorize(({ subject }) => subject === 'ada');

const sessionModule = (extras: SessionJwtModuleExtras = {}) =>
  SessionJwtModule.forRoot({ secret: SECRET, dataLoader: false, ...extras });

const headersOf = (token: string) => ({
  Cookie: `__Host-Http-session=${token}`,
});

async function statusOf(
  app: BootedApp,
  path: string,
  user?: string,
): Promise<number> {
  const headers = user
    ? headersOf((await app.get(SessionService).generate(user)).token)
    : {};
  return (await app.send({ path, headers })).status;
}

describe('with several session modules', () => {
  const subjects: string[] = [];
  const Noting = () =>
    Authorize((session) => {
      subjects.push(session.subject);
      return true;
    });

  @Controller('staff')
  class StaffController {
    constructor(@Inject(SessionService) readonly sessions: SessionService) {}
    @Noting() @Get() index(@Session('subject') subject: string) {
      return subject;
    }
  }

  @Controller('user')
  class UserController {
    constructor(@Inject(SessionService) readonly sessions: SessionService) {}
    @Noting() @Get() index(@Session('subject') subject: string) {
      return subject;
    }
  }

  const moduleOf = (
    controller: Type,
    secret: string | Buffer,
    name: string,
  ): Type => {
    @Module({
      imports: [
        SessionJwtModule.forRoot({
          secret,
          dataLoader: false,
          global: false,
          guard: false,
          cookie: { name, secure: false },
        }),
      ],
      controllers: [controller],
    })
    class Part {}
    return Part;
  };

  it('each predicate gets the session of the module that its controller imports', async () => {
    const app = await boot({
      imports: [
        moduleOf(StaffController, SECRET, 'staff'),
        moduleOf(UserController, OTHER_SECRET, 'user'),
      ],
    });
    const staff = await app.get(StaffController).sessions.generate('eve');
    const user = await app.get(UserController).sessions.generate('ada');
    const ask = async (path: string, cookies: Record<string, string>) => {
      const pairs = Object.entries(cookies).map((pair) => pair.join('='));
      const headers = { Cookie: pairs.join('; ') };
      const { status, text } = await app.send({ path, headers });
      return status === 200 ? text : status;
    };
    const both = { staff: staff.token, user: user.token };
    expect(await ask('/staff', both)).toBe('eve');
    expect(await ask('/user', both)).toBe('ada');
    expect(subjects).toEqual(['eve', 'ada']);
    expect(await ask('/staff', { user: user.token })).toBe(401);
    expect(await ask('/staff', { staff: user.token })).toBe(401);
    expect(await ask('/user', { staff: staff.token })).toBe(401);
    expect(subjects).toHaveLength(2);
  });

  it('stops the boot: a controller whose module has none', async () => {
    const error = await bootError({
      imports: [moduleOf(StaffController, SECRET, 'staff')],
      controllers: [UserController],
    });
    expect(String(error)).toContain(
      'dependencies of the AuthorizeGuard (?, ModuleGuard)',
    );
    expect(String(error)).toContain('SessionJwtModule of this copy');
  });
});

describe('in a test that replaces the guard', () => {
  @Controller()
  class Guarded {
    @isAda @Get('authorized') authorized() {
      return 'secret';
    }
    @UseGuards(SessionGuard) @Get('guarded') guarded() {
      return 'secret';
    }
    @UseGuards(SessionGuard) @isAda @Get('both') both() {
      return 'secret';
    }
  }

  class Open implements CanActivate {
    canActivate() {
      return true;
    }
  }

  const start = (
    extras: SessionJwtModuleExtras,
    override: BootOptions['override'],
  ) =>
    boot(
      { imports: [sessionModule(extras)], controllers: [Guarded] },
      override && { override },
    );

  const replaced =
    (verdict: unknown): BootOptions['override'] =>
    (builder) =>
      builder
        .overrideProvider(SessionGuard)
        .useValue({ canActivate: () => verdict });

  it.each([
    ['true', true, 200],
    ['a promise', Promise.resolve(true), 200],
    ['an observable', of(true), 200],
    ['false', false, 403],
    ['a promise of false', Promise.resolve(false), 403],
  ])(
    'with one that returns %s, that counts',
    async (_what, verdict, status) => {
      for (const guard of [true, false]) {
        const app = await start({ guard }, replaced(verdict));
        expect(await statusOf(app, '/authorized')).toBe(status);
      }
    },
  );

  it.each([
    ['a value', (guard: any) => guard.useValue({ canActivate: () => true })],
    ['a class', (guard: any) => guard.useClass(Open)],
    [
      'a factory',
      (guard: any) => guard.useFactory({ factory: () => new Open() }),
    ],
  ])(
    'with guard: false and overrideGuard, which takes %s',
    async (_what, replace) => {
      const app = await start({ guard: false }, (builder) =>
        replace(builder.overrideGuard(SessionGuard)),
      );
      for (const path of ['/authorized', '/guarded', '/both']) {
        expect(await statusOf(app, path)).toBe(200);
      }
    },
  );

  it('with one that attaches a session, the predicate still decides', async () => {
    @Injectable()
    class Attaching implements CanActivate {
      constructor(
        @Inject(SessionService) private readonly service: SessionService,
      ) {}

      async canActivate(context: any) {
        const http = context.switchToHttp();
        await this.service.authenticate(http.getRequest(), {
          response: http.getResponse(),
        });
        return true;
      }
    }
    const app = await start({}, (builder) =>
      builder.overrideProvider(SessionGuard).useClass(Attaching),
    );
    expect(await statusOf(app, '/authorized', 'ada')).toBe(200);
    expect(await statusOf(app, '/authorized', 'bob')).toBe(403);
  });

  it('cannot be confused with a provider of the application, which replaces nothing', async () => {
    const open = { canActivate: () => true };
    const app = await boot({
      imports: [sessionModule()],
      controllers: [Guarded],
      providers: [{ provide: SessionGuard, useValue: open }],
    });
    expect(await statusOf(app, '/authorized')).toBe(401);
    expect(await statusOf(app, '/authorized', 'bob')).toBe(403);
    expect(await statusOf(app, '/authorized', 'ada')).toBe(200);
  });
});

describe('inherited', () => {
  @isAda
  abstract class Base {
    @Get('base') base() {
      return 'secret';
    }
    @Authorize(() => false) @Get('never') never() {
      return 'secret';
    }
  }

  @Controller('inherits')
  class Inherits extends Base {
    @Get('own') own() {
      return 'secret';
    }
  }

  @Authorize(({ params }) => params === 'ada')
  @Controller('adds')
  class Adds extends Base {}

  @Authorize(() => false)
  @Controller('closes')
  class Closes extends Base {}

  @Controller('overrides')
  class Overrides extends Base {
    @Get('never') override never() {
      return 'overridden';
    }
  }

  it.each([
    ['/inherits/base', 200, 403],
    ['/inherits/own', 200, 403],
    ['/inherits/never', 403, 403],
    ['/adds/base', 200, 403],
    ['/closes/base', 403, 403],
    ['/overrides/never', 200, 403],
  ])(
    'from a base class, at %s: %i for Ada, %i for Bob',
    async (path, ada, bob) => {
      const app = await boot({
        imports: [sessionModule({ guard: false })],
        controllers: [Inherits, Adds, Closes, Overrides],
      });
      expect(await statusOf(app, path, 'ada')).toBe(ada);
      expect(await statusOf(app, path, 'bob')).toBe(bob);
      expect(await statusOf(app, path)).toBe(401);
    },
  );
});

describe('stops the boot', () => {
  class OpenMethod {
    @Public() @isAda @Get() index() {}
  }

  @Public()
  class OpenClass {
    @isAda @Get('one') one() {}
    @Public(false) @isAda @Get('two') two() {}
    @Get('three') three() {}
  }

  @isAda
  class Closed {
    @Public() @Get('opened') opened() {}
    @Get('closed') closed() {}
  }

  class OfClosed extends Closed {}

  @isAda
  @Public()
  class Both {
    @Get('plain') plain() {}
    @Public(false) @Get('closed') closed() {}
    helper() {}
  }

  it.each<[string, Type, string[]]>([
    ['@Public() on the method', OpenMethod, ['OpenMethod.index']],
    ['@Public() on the class', OpenClass, ['OpenClass.one']],
    ['on the class, @Public() on the method', Closed, ['Closed.opened']],
    ['on a base class', OfClosed, ['OfClosed.opened']],
    ['both on the class', Both, ['Both.plain']],
  ])('with %s', async (_what, type, named) => {
    Controller(type.name)(type);
    const error = await bootError({
      imports: [sessionModule()],
      controllers: [type],
    });
    expect(error).toBeInstanceOf(SessionConfigError);
    expect((error as SessionConfigError).faults).toEqual(
      named.map((name) =>
        expect.stringContaining(`got ${name}, which is @Public()`),
      ),
    );
  });

  it('for resolvers and gateways, which are providers, of every module', async () => {
    @Module({ providers: [OpenMethod, { provide: 'x', useClass: Closed }] })
    class Part {}
    const error = await bootError({
      imports: [sessionModule({ guard: false }), Part],
      providers: [
        { provide: 'function', useFactory: () => ({}) },
        { provide: 'value', useValue: null },
      ],
    });
    expect((error as SessionConfigError).faults).toHaveLength(2);
  });

  it.each([undefined, null, true, 'admin', {}])(
    'without a predicate, when the class is declared: %p',
    (predicate) => {
      expect(() => Authorize(predicate as never)).toThrow(SessionConfigError);
    },
  );
});
