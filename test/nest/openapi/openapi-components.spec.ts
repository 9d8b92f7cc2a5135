import { Controller, Get, Post } from '@nestjs/common';
import {
  ApiCookieAuth,
  ApiHeader,
  ApiOkResponse,
  ApiProperty,
  ApiSecurity,
  ApiWebhook,
  DocumentBuilder,
  SwaggerModule,
} from '@nestjs/swagger';
import {
  OptionalSession,
  Public,
  RequestFieldTransport,
  type SessionJwtModuleOptions,
  type Transport,
} from '../../../lib/index.js';
import { RouteMarks } from '../../../lib/nest/openapi/route-marks.js';
import { documentOf, faultsIn, operationsIn } from '../../support/openapi.js';
import { open } from './documented-app.js';

@Controller()
class Orders {
  @Get('orders')
  read() {}
  @Post('orders')
  write() {}
  @OptionalSession()
  @Get('optional')
  optional() {}
  @Public()
  @Get('public')
  open() {}
}

const custom = (rest: Partial<Transport>): Transport => ({
  name: 'own',
  ambient: false,
  read: () => undefined,
  write: () => [],
  clear: () => [],
  ...rest,
});

const SESSION_COOKIE = {
  type: 'apiKey',
  in: 'cookie',
  name: '__Host-Http-session',
  description: 'The session cookie, set at sign-in',
};
const BEARER = {
  type: 'http',
  scheme: 'bearer',
  bearerFormat: 'JWT',
  description: 'The session token, returned at sign-in',
};

describe('the security schemes', () => {
  it.each([
    ['a cookie', {}, { cookie: SESSION_COOKIE }],
    [
      'a cookie without a prefix',
      { cookie: { secure: false } },
      { cookie: { ...SESSION_COOKIE, name: 'session' } },
    ],
    ['a bearer token', { transport: 'header' }, { bearer: BEARER }],
    [
      'a bearer token, however it is spelled',
      {
        transport: 'header',
        header: { name: 'AUTHORIZATION', scheme: 'bearer' },
      },
      { bearer: BEARER },
    ],
    [
      'a custom header',
      { transport: 'header', header: { name: 'X-Session', scheme: '' } },
      {
        header: {
          type: 'apiKey',
          in: 'header',
          name: 'x-session',
          description: 'The session token, returned at sign-in',
        },
      },
    ],
    [
      'a custom scheme',
      { transport: 'header', header: { scheme: 'Token' } },
      {
        header: {
          type: 'apiKey',
          in: 'header',
          name: 'authorization',
          description:
            'The word `Token`, a space and the session token, returned at sign-in',
        },
      },
    ],
    [
      'fields of the request',
      {
        transport: new RequestFieldTransport({
          header: 'X-Access',
          query: 'access',
          body: 'access',
        }),
      },
      {
        field: { type: 'apiKey', in: 'header', name: 'X-Access' },
        'field-2': { type: 'apiKey', in: 'query', name: 'access' },
      },
    ],
    [
      'a custom transport that describes itself',
      {
        transport: custom({
          name: 'my own / way',
          securitySchemes: [{ type: 'apiKey', in: 'query', name: 't' }],
        }),
      },
      { 'my-own-way': { type: 'apiKey', in: 'query', name: 't' } },
    ],
    ['a custom transport that does not', { transport: custom({}) }, undefined],
  ] as [string, Partial<SessionJwtModuleOptions>, object | undefined][])(
    'describe %s',
    async (_title, options, schemes) => {
      const document = documentOf(await open([Orders], options));
      expect(document.components?.securitySchemes).toEqual(schemes);
      const { security, responses } = operationsIn(document)['GET /orders']!;
      expect(security).toEqual(
        schemes && Object.keys(schemes).map((name) => ({ [name]: [] })),
      );
      expect(Object.keys(responses!)).toEqual(['200', '401']);
    },
  );

  it('are those of the application if it has described the same credential', async () => {
    const app = await open([Orders], { transport: ['cookie', 'header'] });
    const config = new DocumentBuilder()
      .addCookieAuth('__Host-Http-session', { type: 'apiKey' }, 'sign-in')
      .addBearerAuth({ type: 'http', description: 'mine' }, 'access-token')
      .build();
    const before = structuredClone(config);
    const document = documentOf(app, config);
    expect(document.components?.securitySchemes).toEqual(
      before.components?.securitySchemes,
    );
    expect(operationsIn(document)['GET /orders']?.security).toEqual([
      { 'sign-in': [] },
      { 'access-token': [] },
    ]);
    expect(config).toEqual(before);
  });

  it('keep their names if the application has described the same credential several times', async () => {
    const app = await open([Orders], { transport: 'header' });
    const config = new DocumentBuilder()
      .addBearerAuth({ type: 'http' }, 'access-token')
      .addBearerAuth();
    expect(
      operationsIn(documentOf(app, config.build()))['GET /orders']?.security,
    ).toEqual([{ bearer: [] }]);
  });

  it('never replace another credential or another component with the same name', async () => {
    class SessionError {
      @ApiProperty()
      mine!: string;
    }
    @Controller()
    class Mine {
      @ApiOkResponse({ type: SessionError })
      @Get()
      mine() {}
    }
    const app = await open([Mine]);
    // `connect.sid`, the cookie of express-session.
    const config = new DocumentBuilder().addCookieAuth().build();
    const { components = {}, ...document } = documentOf(app, config);
    expect(components.securitySchemes).toEqual({
      ...config.components?.securitySchemes,
      'cookie-2': SESSION_COOKIE,
    });
    expect(Object.keys(components.schemas!)).toEqual([
      'SessionError',
      'SessionError-2',
    ]);
    expect(components.schemas!['SessionError']).toHaveProperty(
      'properties.mine',
    );
    expect(operationsIn(document)['GET /']?.security).toEqual([
      { 'cookie-2': [] },
    ]);
  });

  it('are defined for what the application requires without a definition', async () => {
    @Controller()
    class Marked {
      @Public()
      @ApiCookieAuth()
      @Get()
      marked() {}
    }
    const document = documentOf(await open([Marked]));
    expect(document.components?.securitySchemes).toEqual({
      cookie: SESSION_COOKIE,
    });
  });

  it('are absent where nothing requires them', async () => {
    @Public()
    @Controller()
    class Open {
      @Get()
      open() {}
    }
    const { components } = documentOf(await open([Open]));
    expect(components).toEqual({ schemas: {} });
  });
});

describe('a requirement of the whole document', () => {
  it('holds for guarded routes, and neither for public nor for optional ones if it is ours', async () => {
    const app = await open([Orders]);
    const document = documentOf(
      app,
      new DocumentBuilder().addSecurityRequirements('cookie').build(),
    );
    const operations = operationsIn(document);
    expect(operations['GET /orders']).not.toHaveProperty('security');
    expect(operations['GET /optional']?.security).toEqual([{ cookie: [] }, {}]);
    expect(operations['GET /public']?.security).toEqual([]);
  });

  it('is left as it is if it requires anything else', async () => {
    const app = await open([Orders]);
    const document = documentOf(
      app,
      new DocumentBuilder()
        .addApiKey({ type: 'apiKey' }, 'gateway')
        .addSecurityRequirements('gateway')
        .build(),
    );
    for (const operation of Object.values(operationsIn(document))) {
      expect(operation).not.toHaveProperty('security');
    }
    expect(operationsIn(document)['GET /orders']?.responses).toHaveProperty(
      '401',
    );
  });
});

describe('the headers of a request and a response', () => {
  it('are those that protect against CSRF, unless the application describes them', async () => {
    @Controller()
    class Described {
      @ApiHeader({ name: 'X-App', description: 'mine' })
      @Post('described')
      described() {}
    }
    const app = await open([Orders, Described], {
      csrf: { header: 'X-App', token: true },
    });
    const operations = operationsIn(documentOf(app));
    const headersOf = (route: string) =>
      operations[route]?.parameters?.map(({ name, description }) => [
        name,
        description,
      ]);
    const protects = 'Protects against CSRF';
    expect(headersOf('GET /orders')).toEqual([]);
    expect(headersOf('POST /orders')).toEqual([
      ['x-app', protects],
      ['x-csrf-token', protects],
    ]);
    expect(headersOf('POST /described')).toEqual([
      ['X-App', 'mine'],
      ['x-csrf-token', protects],
    ]);
  });

  it('name the challenge of a 401 and the pause of a 503 where they are sent', async () => {
    const headersWith = async (options: Partial<SessionJwtModuleOptions>) => {
      const app = await open([Orders], { secret: () => 'x', ...options });
      const { responses = {} } = documentOf(app).components ?? {};
      return Object.fromEntries(
        Object.entries(responses).map(([name, response]) => [
          name,
          'headers' in response ? Object.keys(response.headers) : [],
        ]),
      );
    };
    const secret = () => 'dGhpcyBpcyBhIHNlY3JldCBmb3IgYSB0ZXN0IG9mIDMyIGI5';
    expect(await headersWith({ secret })).toEqual({
      SessionRequired: [],
      CrossSiteRefused: [],
      SessionUnavailable: ['Retry-After'],
    });
    expect(await headersWith({ secret, transport: 'header' })).toEqual({
      SessionRequired: ['WWW-Authenticate'],
      SessionUnavailable: ['Retry-After'],
    });
  });
});

describe('the creation of a document', () => {
  it('leaves webhooks alone, in every version of OpenAPI', async () => {
    @Controller()
    class Hooks {
      @ApiWebhook('paid')
      @Post('paid')
      paid() {}
    }
    const app = await open([Orders, Hooks]);
    for (const version of ['3.0.0', '3.1.0', '3.2.0']) {
      const config = new DocumentBuilder().setOpenAPIVersion(version).build();
      const document = documentOf(app, config);
      expect('paid' in (document.webhooks ?? {})).toBe(version !== '3.0.0');
      expect(JSON.stringify(document.webhooks ?? {})).not.toContain('security');
      expect(operationsIn(document)['GET /orders']?.security).toEqual([
        { cookie: [] },
      ]);
    }
  });

  it('describes the part of an application that a document includes', async () => {
    const app = await open([Orders]);
    const document = SwaggerModule.createDocument(
      app,
      new DocumentBuilder().build(),
      { include: [class Elsewhere {}] },
    );
    expect(document.paths).toEqual({});
    expect(document.components).toEqual({ schemas: {} });
  });

  it('leaves no mark behind when it fails', async () => {
    @ApiSecurity('key')
    @Controller()
    class Own {
      @Get()
      own() {}
    }
    @Controller('child')
    class Child extends Own {}

    const app = await open([Own, Child]);
    const read = () =>
      [Own, Child, Own.prototype.own].map((target) =>
        Reflect.getOwnMetadata('swagger/apiSecurity', target),
      );
    const before = read();
    expect(() =>
      SwaggerModule.createDocument(app, new DocumentBuilder().build(), {
        operationIdFactory: () => {
          throw new Error('mine');
        },
      }),
    ).toThrow('mine');
    expect(read()).toEqual(before);
    expect(before).toEqual([[{ key: [] }], undefined, undefined]);
  });

  it('is extended once, however many applications there are', async () => {
    await open([Orders]);
    const { createDocument } = SwaggerModule as { createDocument: unknown };
    await open([Orders]);
    expect(SwaggerModule).toHaveProperty('createDocument', createDocument);
  });

  it('works with another copy of the package, which marks the same routes', async () => {
    const app = await open([Orders]);
    const theirs = new RouteMarks([Orders, Orders.prototype.read]);
    const document = theirs.during(() =>
      SwaggerModule.createDocument(app, new DocumentBuilder().build()),
    );
    const operation = operationsIn(document)['GET /orders']!;
    expect(theirs.targetsOf(operation)).toEqual([
      Orders,
      Orders.prototype.read,
    ]);
    expect(theirs.removedFrom(operation).security).toEqual([{ cookie: [] }]);
    expect(faultsIn(document)).not.toEqual([]);
    expect(faultsIn(documentOf(app))).toEqual([]);
  });
});
