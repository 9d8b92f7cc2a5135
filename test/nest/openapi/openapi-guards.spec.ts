import {
  All,
  Controller,
  Get,
  Module,
  Post,
  Scope,
  UseGuards,
  VersioningType,
  type INestApplication,
} from '@nestjs/common';
import { APP_GUARD } from '@nestjs/core';
import {
  ApiBearerAuth,
  ApiExcludeEndpoint,
  ApiResponse,
  ApiSecurity,
  DocumentBuilder,
} from '@nestjs/swagger';
import { Test } from '@nestjs/testing';
import {
  Authorize,
  OptionalSession,
  Public,
  SessionGuard,
} from '../../../lib/index.js';
import type { Operation } from '../../../lib/nest/openapi/openapi-document.js';
import { open, opened, openWith, sessions } from './documented-app.js';
import { documentOf, operationsIn } from '../../support/openapi.js';
import { OTHER_SECRET } from '../../support/secrets.js';

/** The requirement of each operation: `open` for none, `cookie`, `cookie?` if it is optional. */
function requirementsOf(app: INestApplication): Record<string, string> {
  return Object.fromEntries(
    Object.entries(operationsIn(documentOf(app))).map(([route, operation]) => [
      route,
      requirementOf(operation),
    ]),
  );
}

function requirementOf({ security }: Operation): string {
  return security
    ? security
        .map((one) => Object.keys(one).join(' and ') || 'none')
        .join(' or ')
    : 'open';
}

class Base {
  @Get('read')
  read() {}

  @Public()
  @Get('public')
  open() {}
}

describe('the guards of a route', () => {
  it('count for the controller that serves it, whatever it inherits', async () => {
    @Controller('closed')
    class Closed extends Base {}
    @Public()
    @Controller('opened')
    class Opened extends Base {}
    @OptionalSession()
    @Controller('optional')
    class Optional extends Base {}
    @Public()
    @Controller('partly')
    class Partly extends Base {
      @Public(false)
      @Get('own')
      own() {}
    }
    @Controller('child')
    class Child extends Partly {}

    @Public(false)
    @Controller('closed-child')
    class ClosedChild extends Partly {}

    const app = await open([
      Closed,
      Opened,
      Optional,
      Partly,
      Child,
      ClosedChild,
    ]);
    expect(requirementsOf(app)).toEqual({
      'GET /closed/read': 'cookie',
      'GET /closed/public': 'open',
      'GET /opened/read': 'open',
      'GET /opened/public': 'open',
      'GET /optional/read': 'cookie or none',
      'GET /optional/public': 'open',
      'GET /partly/read': 'open',
      'GET /partly/public': 'open',
      'GET /partly/own': 'cookie',
      // Nest looks metadata up in base classes as well.
      'GET /child/read': 'open',
      'GET /child/public': 'open',
      'GET /child/own': 'cookie',
      'GET /closed-child/read': 'cookie',
      'GET /closed-child/public': 'open',
      'GET /closed-child/own': 'cookie',
    });
  });

  it('count by class and by method if the module guards nothing itself', async () => {
    class OwnGuard extends SessionGuard {}

    @Controller('some')
    class Some {
      @UseGuards(SessionGuard)
      @Get('guarded')
      guarded() {}
      @UseGuards(OwnGuard)
      @Get('own')
      own() {}
      @Authorize(() => true)
      @Get('authorized')
      authorized() {}
      @UseGuards(
        class {
          canActivate = () => true;
        },
      )
      @Get('other')
      other() {}
    }
    @UseGuards(SessionGuard)
    @Controller('all')
    class Everything extends Base {}
    @Controller('none')
    class None extends Base {}

    const app = await open([Some, Everything, None], { guard: false });
    expect(requirementsOf(app)).toEqual({
      'GET /some/guarded': 'cookie',
      'GET /some/own': 'cookie',
      'GET /some/authorized': 'cookie',
      'GET /some/other': 'open',
      'GET /all/read': 'cookie',
      'GET /all/public': 'open',
      'GET /none/read': 'open',
      'GET /none/public': 'open',
    });
  });

  it.each([
    [
      'useGlobalGuards',
      [],
      (app: INestApplication) => app.useGlobalGuards(app.get(SessionGuard)),
    ],
    [
      'APP_GUARD',
      [{ provide: APP_GUARD, useExisting: SessionGuard }],
      () => {},
    ],
  ])(
    'count everywhere if the application registers one by %s',
    async (_title, providers, register) => {
      @Controller()
      class Everything extends Base {}
      const app = await open([Everything], { guard: false }, { providers });
      register(app);
      expect(requirementsOf(app)).toEqual({
        'GET /read': 'cookie',
        'GET /public': 'open',
      });
    },
  );

  it('count for each of several session modules, and together', async () => {
    @UseGuards(SessionGuard)
    @Controller('admin')
    class AdminController extends Base {}
    @Controller('user')
    class UserController extends Base {}

    @Module({
      imports: [
        sessions({
          secret: OTHER_SECRET,
          cookie: { name: '__Host-admin' },
          guard: false,
          global: false,
        }),
      ],
      controllers: [AdminController],
    })
    class AdminModule {}

    const app = await open([UserController], {}, { imports: [AdminModule] });
    const document = documentOf(app);
    expect(document.components?.securitySchemes).toEqual({
      cookie: expect.objectContaining({ name: '__Host-Http-session' }),
      'cookie-2': expect.objectContaining({ name: '__Host-admin' }),
    });
    expect(requirementsOf(app)).toEqual({
      'GET /user/read': 'cookie',
      'GET /user/public': 'open',
      'GET /admin/read': 'cookie and cookie-2',
      'GET /admin/public': 'open',
    });
  });

  it.each([true, false])(
    'count when a test has replaced the guard (guard: %p)',
    async (guard) => {
      @UseGuards(...(guard ? [] : [SessionGuard]))
      @Controller()
      class Everything extends Base {}
      @Module({
        imports: [sessions({ guard, routes: true })],
        controllers: [Everything],
      })
      class AppModule {}

      const testing = Test.createTestingModule({ imports: [AppModule] });
      const admitting = { canActivate: () => true };
      const moduleRef = await (
        guard
          ? testing.overrideProvider(SessionGuard)
          : testing.overrideGuard(SessionGuard)
      )
        .useValue(admitting)
        .compile();
      const app = moduleRef.createNestApplication();
      opened.push(app);
      expect(requirementsOf(app)).toEqual({
        'GET /read': 'cookie',
        'GET /public': 'open',
        'GET /session': 'cookie',
        'POST /session/logout': 'open',
      });
    },
  );

  it('count for the ready-made routes of each of several session modules', async () => {
    const admin = sessions({
      secret: OTHER_SECRET,
      transport: 'header',
      guard: false,
      global: false,
      routes: { path: 'admin' },
    });
    const user = sessions({ guard: false, routes: true });
    const app = await openWith({ imports: [user, admin] });
    expect(requirementsOf(app)).toEqual({
      'GET /session': 'cookie',
      'POST /session/logout': 'open',
      'GET /admin': 'bearer',
      'POST /admin/logout': 'open',
    });
  });

  it('count under prefixes and versions, for all methods, and in controllers of each request', async () => {
    @Controller({ path: 'items', version: ['1', '2'], scope: Scope.REQUEST })
    class Items {
      @Get([':id', 'by-id/:id'])
      read() {}
    }
    @Controller('any')
    class Any {
      @All()
      any() {}
    }
    const app = await open([Items, Any]);
    app.setGlobalPrefix('api');
    app.enableVersioning({ type: VersioningType.URI, defaultVersion: '1' });
    const operations = operationsIn(documentOf(app));
    expect(Object.keys(operations)).toEqual(
      expect.arrayContaining([
        'GET /api/v1/items/{id}',
        'GET /api/v2/items/by-id/{id}',
        'GET /api/v1/any',
        'POST /api/v1/any',
      ]),
    );
    for (const [route, operation] of Object.entries(operations)) {
      expect(requirementOf(operation)).toBe('cookie');
      expect('403' in operation.responses!).toBe(
        !/^(?:GET|HEAD|OPTIONS) /.test(route),
      );
    }
  });

  it('leave no trace in another application with the same controllers', async () => {
    @Controller()
    class Shared extends Base {
      @Post('write')
      write() {}
    }
    const shared = sessions({ routes: true });
    const cookie = await openWith({ imports: [shared], controllers: [Shared] });
    const header = await open([Shared], { transport: 'header' });
    const off = await open([Shared], { openapi: false });
    const without = await openWith({ controllers: [Shared] });
    const again = await openWith({ imports: [shared], controllers: [Shared] });

    const first = documentOf(cookie);
    expect(requirementsOf(header)).toEqual({
      'GET /read': 'bearer',
      'GET /public': 'open',
      'POST /write': 'bearer',
    });
    for (const app of [off, without]) {
      const { components, paths } = documentOf(app);
      expect(components).toEqual({ schemas: {} });
      expect(operationsIn({ paths })['POST /write']).toEqual({
        operationId: 'Shared_write',
        parameters: [],
        responses: { 201: { description: '' } },
        tags: ['Shared'],
      });
    }
    // Neither the second document of an application nor a second application adds to what is there.
    expect(documentOf(cookie)).toEqual(first);
    expect(documentOf(again)).toEqual(first);
  });
});

describe('what the application has written', () => {
  it('takes precedence over ours', async () => {
    @ApiSecurity('key')
    @ApiResponse({ status: 403, description: 'class' })
    @Controller('class')
    class OfClass extends Base {}

    @Controller('method')
    class OfMethod {
      @ApiSecurity('key')
      @ApiResponse({ status: 401, description: 'mine' })
      @ApiResponse({ status: '5XX', description: 'mine' })
      @Post('one')
      one() {}
      @ApiBearerAuth()
      @Get('named')
      named() {}
      @ApiExcludeEndpoint()
      @Get('excluded')
      excluded() {}
      @Get('two')
      two() {}
    }
    const app = await open([OfClass, OfMethod], {
      transport: ['cookie', 'header'],
      dataLoader: class {
        load = () => ({});
      } as never,
    });
    const document = documentOf(
      app,
      new DocumentBuilder().addApiKey({ type: 'apiKey' }, 'key').build(),
    );
    const operations = operationsIn(document);
    expect(
      Object.entries(operations).map(([route, operation]) => [
        route,
        requirementOf(operation),
        Object.keys(operation.responses!),
      ]),
    ).toEqual([
      ['GET /class/read', 'key', ['200', '401', '403', '503']],
      ['GET /class/public', 'key', ['200', '403']],
      ['POST /method/one', 'key', ['401', '403', '5XX']],
      ['GET /method/named', 'bearer', ['200', '401', '503']],
      ['GET /method/two', 'cookie or bearer', ['200', '401', '503']],
    ]);
    expect(operations['POST /method/one']?.responses?.['401']).toEqual({
      description: 'mine',
    });
  });
});
