import {
  Controller,
  Delete,
  Get,
  Patch,
  Post,
  Put,
  type Type,
} from '@nestjs/common';
import {
  Authorize,
  OptionalSession,
  Public,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import type { Operation } from '../../lib/nest/openapi/openapi-document.js';
import { combinations } from '../support/effort.js';
import { documentOf, operationsIn } from '../support/openapi.js';
import { openTestApp } from '../support/opened-apps.js';
import { adapters, type TestApp } from '../support/test-app.js';

const METHODS = ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'] as const;
const EVIL = {
  Origin: 'https://evil.example',
  'Sec-Fetch-Site': 'cross-site',
};
const ANSWERS = ['401', '403', '503'];

class Routes {
  @Get() get() {
    return {};
  }
  @Post() post() {
    return {};
  }
  @Put() put() {
    return {};
  }
  @Patch() patch() {
    return {};
  }
  @Delete() delete() {
    return {};
  }
}

// All inherit the same handlers.
@Controller('table/required')
class RequiredRoutes extends Routes {}

@OptionalSession()
@Controller('table/optional')
class OptionalRoutes extends Routes {}

@Public()
@Controller('table/public')
class PublicRoutes extends Routes {}

@Authorize(({ subject }) => subject !== 'bob')
@Controller('table/authorized')
class AuthorizedRoutes extends Routes {}

@OptionalSession()
@Authorize(({ subject }) => subject !== 'bob')
@Controller('table/optional-authorized')
class OptionalAuthorizedRoutes extends Routes {}

const controllers: Type[] = [
  RequiredRoutes,
  OptionalRoutes,
  PublicRoutes,
  AuthorizedRoutes,
  OptionalAuthorizedRoutes,
];
const ACCESS = [
  'required',
  'optional',
  'public',
  'authorized',
  'optional-authorized',
] as const;

/**
 * Every status with which the guard refused a request: without a session, with one that is not authorized, from another
 * site, during an outage.
 */
async function refusalsOf(
  app: TestApp,
  method: string,
  path: string,
): Promise<Set<string>> {
  const statuses = new Set<string>();
  const browser = await app.signIn();
  const ownOf = async (user: string) => {
    const { json } = await app.browser().post('/login', { user });
    const { token } = json as { token?: string };
    return token === undefined ? {} : { Authorization: `Bearer ${token}` };
  };
  const own = await ownOf('ada');
  const send = async (by: typeof browser, headers: object) => {
    const { status } = await by.sendOnly({
      method,
      path,
      ...(method !== 'GET' && { body: {} }),
      headers: headers as Record<string, string>,
    });
    statuses.add(String(status));
  };
  await send(app.browser(), {});
  await send(browser, own);
  await send(browser, { ...own, ...EVIL });
  await send(await app.signIn('bob'), await ownOf('bob'));
  app.users.failure = new Error('down');
  app.clock.advance('1h');
  await send(browser, own);
  app.users.failure = undefined;
  return statuses;
}

const transports: [
  string,
  Partial<SessionJwtModuleOptions>,
  Operation['security'],
][] = [
  ['cookie', {}, [{ cookie: [] }]],
  ['header', { transport: 'header' }, [{ bearer: [] }]],
  [
    'cookie and header',
    { transport: ['cookie', 'header'] },
    [{ cookie: [] }, { bearer: [] }],
  ],
];

/** Each transport with a loader and without one, first one of each transport. */
const documented = [0, 1].flatMap((turn) =>
  transports.map(([title, session, required], i) =>
    (i + turn) % 2 === 0
      ? ([`${title} and a loader`, session, required, {}] as const)
      : ([
          `${title} and nothing that can be down`,
          session,
          required,
          { dataLoader: false as const },
        ] as const),
  ),
);

describe.each(adapters)('an OpenAPI document on %s', (adapter) => {
  it.each(combinations(documented, 3))(
    'states exactly what the guard requires and answers, with %s',
    async (_title, session, required, extras) => {
      let operations: ReturnType<typeof operationsIn> = {};
      const app = await openTestApp(adapter, {
        session,
        extras,
        controllers,
        configure: (nest) => {
          operations = operationsIn(documentOf(nest));
        },
      });
      for (const access of ACCESS) {
        for (const method of METHODS) {
          const { responses, security } =
            operations[`${method} /table/${access}`] ?? {};
          const observed = await refusalsOf(app, method, `/table/${access}`);
          expect({
            access,
            method,
            security,
            refusals: ANSWERS.filter((status) => status in (responses ?? {})),
          }).toEqual({
            access,
            method,
            security: {
              required,
              optional: [...(required ?? []), {}],
              public: undefined,
              authorized: required,
              'optional-authorized': required,
            }[access],
            refusals: ANSWERS.filter((status) => observed.has(status)),
          });
          expect(observed).toContain(method === 'POST' ? '201' : '200');
        }
      }
    },
  );

  it('describes the body of a refusal as it is answered, once', async () => {
    let document = {} as ReturnType<typeof documentOf>;
    const app = await openTestApp(adapter, {
      controllers,
      configure: (nest) => {
        document = documentOf(nest);
      },
    });
    const { responses = {}, schemas = {} } = document.components ?? {};
    const bodies = new Map<string, unknown>();
    const browser = await app.signIn();
    const take = async (by: typeof browser, method: string, headers = {}) => {
      const answer = await by.sendOnly({
        method,
        path: '/table/required',
        ...(method !== 'GET' && { body: {} }),
        headers,
      });
      bodies.set(String(answer.status), answer.json);
    };
    await take(app.browser(), 'GET');
    await take(browser, 'POST', EVIL);
    app.users.failure = new Error('down');
    app.clock.advance('1h');
    await take(browser, 'GET');

    const operation = operationsIn(document)['POST /table/required']!;
    expect([...bodies.keys()].toSorted()).toEqual(ANSWERS);
    for (const [status, body] of bodies) {
      const { $ref } = operation.responses![status]!;
      const response = responses[$ref!.split('/').at(-1)!] as {
        content: Record<string, { example: object; schema: object }>;
      };
      const { example, schema } = response.content['application/json']!;
      expect(example).toEqual(body);
      expect(schema).toEqual({ $ref: '#/components/schemas/SessionError' });
    }
    const { $ref } =
      operationsIn(document)['POST /table/authorized']!.responses!['403']!;
    expect(responses[$ref!.split('/').at(-1)!]).toMatchObject({
      content: {
        'application/json': {
          examples: {
            CSRF_REFUSED: { value: bodies.get('403') },
            SESSION_FORBIDDEN: {
              value: { statusCode: 403, errorCode: 'SESSION_FORBIDDEN' },
            },
          },
        },
      },
    });
    expect(Object.keys(schemas)).toEqual(['SessionError']);
    expect(schemas['SessionError']).toEqual({
      type: 'object',
      properties: {
        statusCode: { type: 'integer' },
        message: { type: 'string' },
        errorCode: { type: 'string' },
        max_age: { type: 'integer', description: expect.any(String) },
        acr_values: { type: 'string', description: expect.any(String) },
      },
      required: ['statusCode', 'message'],
    });
  });
});
