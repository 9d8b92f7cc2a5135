import { Controller, Get, type Type } from '@nestjs/common';
import {
  OptionalSession,
  Public,
  SessionConfigError,
  SessionJwtModule,
} from '../../lib/index.js';
import { createTestSession } from '../../lib/testing/index.js';
import {
  boot,
  bootError,
  closeBooted,
  type BootedApp,
} from '../support/nest-app.js';
import { adapters, SECRET } from '../support/test-app.js';
import { writeRecipes } from './recipes-snippets.js';
import { UsersModule } from './snippets/application.js';
import type { SnippetFiles } from './snippets/page.js';

let files: SnippetFiles;
let recipe: Record<string, any>;

beforeAll(async () => {
  files = writeRecipes();
  recipe = await import(files.pathOf('Roles'));
});

afterAll(() => files.remove());

/** Routes on which the decorators of the recipe meet the library's. */
function controllersOf(Roles: (...roles: string[]) => any): Type[] {
  @Roles('admin')
  @Controller('class')
  class ClassController {
    @Get('role') role() {
      return 'secret';
    }
    @OptionalSession() @Get('optional') optional() {
      return 'secret';
    }
    @Roles('member') @Get('member') member() {
      return 'secret';
    }
  }

  @Public()
  @Controller('public')
  class PublicController {
    @Public(false) @Roles('admin') @Get('role') role() {
      return 'secret';
    }
    @Get('open') open() {
      return 'secret';
    }
  }

  @Controller('route')
  class RouteController {
    @OptionalSession() @Roles('admin') @Get('optional') optional() {
      return 'secret';
    }
    @Roles() @Get('nobody') nobody() {
      return 'secret';
    }
    @Roles('constructor', '__proto__', 'toString', 'length', '0')
    @Get('property')
    property() {
      return 'secret';
    }
    @Roles('admin', 'member') @Get('either') either() {
      return 'secret';
    }
    @Get('any') any() {
      return 'secret';
    }
  }

  return [ClassController, PublicController, RouteController];
}

const get = async (
  app: BootedApp,
  path: string,
  data?: object,
): Promise<number> => {
  const headers: Record<string, string> = data
    ? {
        Cookie: (
          await createTestSession(app.app, 'ada', { data: data as never })
        ).cookie,
      }
    : {};
  return (await app.send({ path, headers })).status;
};

describe.each(adapters)('the recipe for roles on %s', (adapter) => {
  let app: BootedApp;

  beforeAll(async () => {
    app = await boot(
      {
        imports: [
          SessionJwtModule.forRoot({
            secret: SECRET,
            imports: [UsersModule],
            dataLoader: recipe['UserSessionLoader'],
          }),
          UsersModule,
        ],
        controllers: [
          recipe['RecipeController'],
          ...controllersOf(recipe['Roles']),
        ],
      },
      { adapter },
    );
  });

  afterAll(closeBooted);

  it.each([
    // [route, without a session, without the role, with the role]
    ['/admin', 401, 403, 200],
    ['/class/role', 401, 403, 200],
    ['/class/optional', 401, 403, 200],
    ['/class/member', 401, 403, 403],
    ['/public/role', 401, 403, 200],
    ['/public/open', 200, 200, 200],
    ['/route/optional', 401, 403, 200],
    ['/route/nobody', 401, 403, 403],
    ['/route/property', 401, 403, 403],
    ['/route/either', 401, 200, 200],
    ['/route/any', 401, 200, 200],
  ])(
    'fails closed at %s: %i without a session, %i as member, %i as admin',
    async (path, without, asMember, asAdmin) => {
      expect([
        await get(app, path),
        await get(app, path, { roles: ['member'] }),
        await get(app, path, { roles: ['admin'] }),
      ]).toEqual([without, asMember, asAdmin]);
    },
  );

  it.each([
    ['no roles', {}],
    ['roles that are null', { roles: null }],
    ['an empty list', { roles: [] }],
    ['a string that contains the role', { roles: 'superadmin' }],
    ['an object with a member of that name', { roles: { admin: true } }],
    ['a list in a list', { roles: [['admin']] }],
    ['another case', { roles: ['Admin'] }],
  ])('refuses data with %s', async (_what, data) => {
    expect(await get(app, '/admin', data)).toBe(403);
  });
});

it('stops the boot where the recipe for roles meets @Public()', async () => {
  const { Roles } = recipe as { Roles: (role: string) => ClassDecorator };
  @Roles('admin')
  @Controller('class')
  class ClassController {
    @Public() @Get('public') public() {
      return 'secret';
    }
  }
  const error = await bootError({
    imports: [SessionJwtModule.forRoot({ secret: SECRET, dataLoader: false })],
    controllers: [ClassController],
  });
  expect(error).toBeInstanceOf(SessionConfigError);
  expect(String(error)).toContain('got ClassController.public');
});
