import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import {
  Controller,
  Get,
  Inject,
  Injectable,
  Req,
  UseGuards,
  type Type,
} from '@nestjs/common';
import * as library from '../../lib/index.js';
import {
  ActiveSession,
  Public,
  SessionDataLoader,
  SessionError,
  SessionJwtModule,
  SessionService,
  toHttpException,
  type SessionErrorCode,
} from '../../lib/index.js';
import { Exchange } from '../../lib/nest/exchange/exchange.js';
import { rulesOf } from '../../lib/nest/route-access.js';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { compileLibrary } from '../support/compiled-library.js';
import {
  boot,
  bootError,
  closeBooted,
  type BootedApp,
} from '../support/nest-app.js';
import { createExchange } from '../support/node-exchange.js';
import { OTHER_SECRET, SECRET } from '../support/secrets.js';

/** The package again, as a dependency brings it in its own `node_modules`; Nest is there once. */
let second: typeof library;
let SecondExchange: typeof Exchange;
let removeCopy: () => void;

beforeAll(async () => {
  const { folder, remove } = compileLibrary();
  removeCopy = remove;
  const load = (...path: string[]): Promise<any> =>
    import(pathToFileURL(join(folder, 'lib', ...path)).href);
  second = await load('index.js');
  SecondExchange = (await load('nest', 'exchange', 'exchange.js')).Exchange;
});
afterAll(() => removeCopy());
afterEach(closeBooted);

it('is a copy of its own', () => {
  expect(second.SessionService).not.toBe(library.SessionService);
  expect(second.Public).not.toBe(Public);
});

it('decides on a request beside ours, each once', () => {
  const { request, response } = createExchange();
  const exchanges = [Exchange, SecondExchange, Exchange, SecondExchange].map(
    (either) => either.of(request, response),
  );
  const [ours, others] = exchanges;
  expect(ours).toBeInstanceOf(Exchange);
  expect(others).toBeInstanceOf(SecondExchange);
  expect(exchanges[2]).toBe(ours);
  expect(exchanges[3]).toBe(others);
});

const first = () =>
  SessionJwtModule.forRoot({ secret: SECRET, dataLoader: false });

async function get(app: BootedApp, path: string, user?: string) {
  const cookie = user
    ? `__Host-Http-session=${(await app.get(SessionService).generate(user)).token}`
    : '';
  return app.send({ path, headers: { Cookie: cookie } });
}

describe('decorators of a second copy of the package', () => {
  it('open and close routes as ours do', () => {
    class Routes {
      @second.Public()
      open() {}

      @second.OptionalSession()
      optional() {}

      @second.CheckRevocation()
      checked() {}

      @second.Passive()
      polled() {}

      @second.OptionalSession()
      @second.Authorize(() => true)
      authorized() {}
    }
    const plain = {
      access: 'required',
      checksRevocation: false,
      isPassive: false,
      isAuthorized: false,
      requiresProof: false,
    };
    const rules = (
      ['open', 'optional', 'checked', 'polled', 'authorized'] as const
    ).map((name) =>
      rulesOf(new ExecutionContextHost([], Routes, Routes.prototype[name])),
    );
    expect(rules).toEqual([
      { ...plain, access: 'public' },
      { ...plain, access: 'optional' },
      { ...plain, checksRevocation: true },
      { ...plain, isPassive: true },
      { ...plain, isAuthorized: true },
    ]);
  });

  it('inject the session that our guard has found', async () => {
    @Controller()
    class LibraryController {
      @Get('whole')
      whole(@second.Session() session: any) {
        return {
          subject: session?.subject,
          isOurs: session instanceof ActiveSession,
        };
      }

      @Get('part')
      part(@second.Session('subject') subject: any) {
        return { subject };
      }

      @second.Public()
      @Get('open')
      open(@second.Session() session: any) {
        return { session: session ?? null };
      }
    }
    const app = await boot({
      imports: [first()],
      controllers: [LibraryController],
    });
    expect((await get(app, '/whole', 'ada')).json).toEqual({
      subject: 'ada',
      isOurs: true,
    });
    expect((await get(app, '/part', 'ada')).json).toEqual({ subject: 'ada' });
    expect((await get(app, '/open', 'ada')).json).toEqual({ session: null });
    expect((await get(app, '/whole')).status).toBe(401);
  });
});

describe('errors of a second copy of the package', () => {
  it('end a session when its loader throws them', async () => {
    @Injectable()
    class LibraryLoader extends SessionDataLoader {
      load(): never {
        throw new second.SessionEndedError('disabled');
      }
    }
    const app = await boot({
      imports: [
        SessionJwtModule.forRoot({ secret: SECRET, dataLoader: LibraryLoader }),
      ],
    });
    await expect(app.get(SessionService).generate('ada')).rejects.toMatchObject(
      { code: 'SESSION_ENDED', message: 'disabled' },
    );
  });

  it('get the status of their code from our filter', async () => {
    @Controller()
    class LibraryController {
      @Public()
      @Get('fails')
      fails() {
        throw new second.SessionError('STORE_UNAVAILABLE', 'down');
      }
    }
    const app = await boot({
      imports: [first()],
      controllers: [LibraryController],
    });
    expect((await get(app, '/fails')).status).toBe(503);
  });

  it('are told apart from each other, from others, and from subclasses of ours', () => {
    class OwnError extends SessionError {}
    const ended = new second.SessionEndedError();
    const error = new second.SessionError('TOKEN_INVALID', 'wrong');
    const of = (value: unknown) => [
      value instanceof SessionError,
      value instanceof library.SessionEndedError,
      value instanceof OwnError,
    ];
    expect(of(ended)).toEqual([true, true, false]);
    expect(of(error)).toEqual([true, false, false]);
    expect(of(new OwnError('TOKEN_INVALID', 'wrong'))).toEqual([
      true,
      false,
      true,
    ]);
    for (const other of [new Error('a'), null, undefined, 'text', {}]) {
      expect(of(other)).toEqual([false, false, false]);
    }
  });

  it('of a newer version, with a code that we do not know, are 500', () => {
    const error = new SessionError('NEW_CODE' as SessionErrorCode, 'new');
    expect(toHttpException(error).getResponse()).toEqual({
      statusCode: 500,
      message: 'Internal server error',
    });
  });
});

describe('what does not fit together', () => {
  @Controller()
  class PlainController {
    @Get('plain')
    plain() {
      return 'plain';
    }
  }

  it.each<[string, () => Type, string]>([
    [
      'a guard',
      () => {
        @UseGuards(second.SessionGuard)
        @Controller()
        class Guarded extends PlainController {}
        return Guarded;
      },
      'SessionJwtModule of this copy of nestjs-session-jwt',
    ],
    [
      'a predicate',
      () => {
        @second.Authorize(() => true)
        @Controller()
        class Authorized extends PlainController {}
        return Authorized;
      },
      'SessionJwtModule of this copy of nestjs-session-jwt',
    ],
    [
      'a service',
      () => {
        @Controller()
        class Serving extends PlainController {
          constructor(
            @Inject(second.SessionService)
            readonly sessions: object,
          ) {
            super();
          }
        }
        return Serving;
      },
      'SessionService',
    ],
  ])(
    'stops the boot: %s of the second copy without its module',
    async (_kind, make, named) => {
      const error = await bootError({
        imports: [first()],
        controllers: [make()],
      });
      expect(String(error)).toContain(named);
    },
  );

  it('stops the boot: two modules that both guard the whole application', async () => {
    const error = await bootError({
      imports: [
        first(),
        second.SessionJwtModule.forRoot({
          secret: OTHER_SECRET,
          dataLoader: false,
        }),
      ],
    });
    expect(String(error)).toContain('guard: expected one session module');
  });

  it('is refused: a session of the other copy, and the request goes on with both guards', async () => {
    @Controller('both')
    class BothController {
      constructor(
        @Inject(SessionService) private readonly sessions: SessionService,
      ) {}

      @UseGuards(second.SessionGuard)
      @Get()
      async both(
        @library.Session() session: ActiveSession,
        @Req() request: any,
      ) {
        const refused = [
          () => this.sessions.update(session, { a: 1 }),
          () => this.sessions.revoke(session),
          async () => this.sessions.tokenOf(session),
        ];
        const codes = refused.map((use) =>
          use().then(
            () => 'accepted',
            (error: SessionError) => error.code,
          ),
        );
        return {
          subject: session.subject,
          isAttached: request.session === session,
          codes: await Promise.all(codes),
        };
      }
    }
    const app = await boot({
      imports: [
        first(),
        second.SessionJwtModule.forRoot({
          secret: OTHER_SECRET,
          dataLoader: false,
          guard: false,
          cookie: { name: '__Host-second' },
        }),
      ],
      controllers: [BothController],
    });
    const own = await app.get(SessionService).generate('ada');
    const other = await app.get(second.SessionService).generate('bob');
    const response = await app.send({
      path: '/both',
      headers: {
        Cookie: `__Host-Http-session=${own.token}; __Host-second=${other.token}`,
      },
    });
    expect(response.json).toEqual({
      subject: 'bob',
      isAttached: true,
      codes: ['SESSION_FOREIGN', 'SESSION_FOREIGN', 'SESSION_FOREIGN'],
    });
  });
});
