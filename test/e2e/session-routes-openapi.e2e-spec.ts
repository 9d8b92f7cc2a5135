import { DocumentBuilder } from '@nestjs/swagger';
import type { SessionJwtModuleOptions } from '../../lib/index.js';
import { MemoryRevocationLog, MemorySessionStore } from '../../lib/index.js';
import type { Operation } from '../../lib/nest/openapi/openapi-document.js';
import { documentOf, operationsIn } from '../support/openapi.js';
import { openTestApp } from '../support/opened-apps.js';
import { adapters } from '../support/test-app.js';

describe.each(adapters)('the OpenAPI document on %s', (adapter) => {
  /** The operations of the ready-made routes, `GET /session` to `DELETE /session/devices/{id}`. */
  async function operationsWith(
    session: Partial<SessionJwtModuleOptions>,
  ): Promise<Readonly<Record<string, Operation>>> {
    let operations: Readonly<Record<string, Operation>> = {};
    await openTestApp(adapter, {
      session,
      extras: { routes: true },
      // As an application does it: before it listens.
      configure: (nest) => {
        operations = operationsIn(documentOf(nest));
      },
    });
    return Object.fromEntries(
      Object.entries(operations).filter(([route]) =>
        route.includes(' /session'),
      ),
    );
  }

  const answersOf = ({ responses = {} }: Operation) => Object.keys(responses);

  it('has the routes that the options make possible, with what they take and answer', async () => {
    const operations = await operationsWith({
      store: new MemorySessionStore(),
      refreshToken: { field: 'renew' },
      csrf: { header: 'X-Requested-With', token: { header: 'X-XSRF' } },
    });
    expect(
      Object.fromEntries(
        Object.entries(operations).map(([route, operation]) => [
          route,
          answersOf(operation),
        ]),
      ),
    ).toEqual({
      'GET /session': ['200', '401', '503'],
      'POST /session/refresh': ['200', '401', '403', '503'],
      'POST /session/logout': ['204', '403', '503'],
      'GET /session/devices': ['200', '401', '503'],
      'DELETE /session/devices/others': ['200', '401', '403', '503'],
      'DELETE /session/devices/{id}': ['204', '401', '403', '404', '503'],
    });
    for (const [route, operation] of Object.entries(operations)) {
      expect(operation.tags).toEqual(['session']);
      expect(operation.summary).not.toBe('');
      const isPublic = /refresh|logout/.test(route);
      expect(operation.security).toEqual(
        isPublic ? undefined : [{ cookie: [] }],
      );
      const headers = (operation.parameters ?? [])
        .filter((parameter) => parameter.in === 'header')
        .map(({ name }) => name);
      expect(headers).toEqual(
        route.startsWith('GET') ? [] : ['x-requested-with', 'x-xsrf'],
      );
    }
    const { requestBody } = operations['POST /session/refresh']!;
    expect(requestBody?.content['application/json']?.schema).toEqual({
      type: 'object',
      properties: { renew: { type: 'string' } },
    });
  });

  it('leaves out what needs a store or refresh tokens, and names the bearer scheme', async () => {
    const operations = await operationsWith({ transport: 'header' });
    expect(Object.keys(operations)).toEqual([
      'GET /session',
      'POST /session/logout',
    ]);
    expect(operations['GET /session']?.security).toEqual([{ bearer: [] }]);
  });

  it('has the end of all other sessions with a revocation log', async () => {
    const operations = await operationsWith({
      revocations: new MemoryRevocationLog(),
    });
    expect(
      Object.entries(operations).map(([route, operation]) => [
        route,
        ...answersOf(operation),
      ]),
    ).toEqual([
      ['GET /session', '200', '401', '503'],
      ['POST /session/logout', '204', '403', '503'],
      ['DELETE /session/devices/others', '200', '401', '403', '503'],
    ]);
  });

  it('keeps the responses that the application has for all operations', async () => {
    const app = await openTestApp(adapter, { extras: { routes: true } });
    const config = new DocumentBuilder()
      .addGlobalResponse({ status: 401, description: 'mine' })
      .addGlobalResponse({ status: 500, description: 'mine' });
    try {
      const operation = operationsIn(documentOf(app.app, config.build()))[
        'GET /session'
      ];
      expect(operation?.responses).toEqual({
        200: expect.objectContaining({ description: 'The current session' }),
        401: { description: 'mine' },
        500: { description: 'mine' },
        503: { $ref: '#/components/responses/SessionUnavailable' },
      });
    } finally {
      // They belong to the process.
      (
        globalThis as unknown as {
          SwaggerGlobalResponsesStorage: { clear(): void };
        }
      ).SwaggerGlobalResponsesStorage.clear();
    }
  });

  it('describes the session as it is answered', async () => {
    const store = new MemorySessionStore();
    const operations = await operationsWith({ store });
    const schemaOf = (route: string) =>
      operations[route]?.responses?.['200']?.content?.['application/json']
        ?.schema;
    const app = await openTestApp(adapter, {
      session: { store: new MemorySessionStore() },
      extras: { routes: true },
    });
    const browser = await app.signIn();
    const session = (await browser.get('/session')).json as object;
    expect(Object.keys(schemaOf('GET /session')?.['properties'] ?? {})).toEqual(
      Object.keys(session),
    );
    const [device] = (await browser.get('/session/devices')).json as object[];
    const { items } = schemaOf('GET /session/devices') as {
      items?: { properties: object };
    };
    expect(Object.keys(items?.properties ?? {})).toEqual(
      Object.keys(device ?? {}),
    );
  });
});
