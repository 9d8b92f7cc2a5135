import type { ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import {
  Body,
  Catch,
  Controller,
  ForbiddenException,
  Get,
  GoneException,
  HttpCode,
  HttpException,
  NotFoundException,
  Post,
  Res,
  UnauthorizedException,
  type ArgumentsHost,
} from '@nestjs/common';
import { BaseExceptionFilter, HttpAdapterHost } from '@nestjs/core';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { lastValueFrom, type Observable } from 'rxjs';
import {
  Public,
  SESSION_ERROR_CODES,
  SessionEndedError,
  SessionError,
  SessionService,
  toHttpException,
  type SessionErrorCode,
} from '../../lib/index.js';
import { SessionExceptionFilter } from '../../lib/nest/session-exception.filter.js';
import { endsSession } from '../../lib/nest/session-exception.js';
import { SESSION_RUNTIME } from '../../lib/nest/session-runtime.js';
import { turn } from '../support/asynchrony.js';
import type { TestResponse } from '../support/browser.js';
import { CapturedLogs } from '../support/captured-logs.js';
import {
  bothAdapters as adapters,
  startTestApp,
  type TestApp,
  type TestAppOptions,
} from '../support/test-app.js';

type Status = 401 | 403 | 409 | 500 | 503;

const STATUSES: [SessionErrorCode, Status][] = [
  ['TOKEN_MISSING', 401],
  ['TOKEN_INVALID', 401],
  ['TOKEN_EXPIRED', 401],
  ['TOKEN_NOT_YET_VALID', 401],
  ['TOKEN_CONFLICT', 401],
  ['KEY_UNKNOWN', 401],
  ['SESSION_ENDED', 401],
  ['SESSION_UNKNOWN', 401],
  ['REFRESH_REUSED', 401],
  ['PROOF_REQUIRED', 401],
  ['REAUTHENTICATION_REQUIRED', 401],
  ['SESSION_LIMIT', 409],
  ['CSRF_REFUSED', 403],
  ['SESSION_FORBIDDEN', 403],
  ['LOADER_UNAVAILABLE', 503],
  ['STORE_UNAVAILABLE', 503],
  ['KEYS_UNAVAILABLE', 503],
  ['PROOF_UNAVAILABLE', 503],
  ['STORE_REQUIRED', 500],
  ['SIGNING_KEY_REQUIRED', 500],
  ['SESSION_TOO_LARGE', 500],
  ['NOT_SERIALIZABLE', 500],
  ['SUBJECT_REQUIRED', 500],
  ['SESSION_FOREIGN', 500],
  ['REQUEST_PROPERTY_TAKEN', 500],
];

/** The whole body that a client sees for a status, whatever the reason; of 403, for CSRF. */
const BODIES: Record<Status, object> = {
  401: {
    statusCode: 401,
    message: 'Unauthorized',
    errorCode: 'SESSION_REQUIRED',
  },
  403: { statusCode: 403, message: 'Forbidden', errorCode: 'CSRF_REFUSED' },
  409: { statusCode: 409, message: 'Conflict', errorCode: 'SESSION_LIMIT' },
  500: { statusCode: 500, message: 'Internal server error' },
  503: {
    statusCode: 503,
    message: 'Service Unavailable',
    errorCode: 'SESSION_UNAVAILABLE',
  },
};

/** The whole body that a client sees for a code. Of those with 403, the client must know which it is; and how to go on. */
function bodyOf(code: SessionErrorCode, status: Status): object {
  return status === 403 || code === 'REAUTHENTICATION_REQUIRED'
    ? { ...BODIES[status], errorCode: code }
    : BODIES[status];
}

const REASON = 'a reason that clients must not see';

it('the table of this spec names every code there is', () => {
  expect(STATUSES.map(([code]) => code).toSorted()).toEqual(
    SESSION_ERROR_CODES.toSorted(),
  );
});

describe('toHttpException', () => {
  it.each(STATUSES)(
    'says of %s (%i) in the body itself all that a client sees, so that Nest 11 and GraphQL drivers find it',
    (code, status) => {
      const exception = toHttpException(new SessionError(code, REASON));
      const body = bodyOf(code, status);
      expect(exception.getResponse()).toEqual(body);
      expect(body).toHaveProperty('message', exception.message);
    },
  );

  it.each(STATUSES)(
    'answers %s with %i, and says no more (S-119)',
    (code, status) => {
      const error = new SessionError(code, REASON);
      const exception = toHttpException(error);
      expect(exception).toBeInstanceOf(HttpException);
      expect(exception.getStatus()).toBe(status);
      expect(exception.cause).toBe(error);
      expect(JSON.stringify(exception.getResponse())).not.toContain(REASON);
    },
  );

  it('answers a SessionEndedError, which a loader throws, with 401', () => {
    const exception = toHttpException(new SessionEndedError(REASON));
    expect(exception.getStatus()).toBe(401);
  });
});

describe('endsSession', () => {
  it.each<[string, boolean, unknown]>([
    ['HTTP 401', true, new UnauthorizedException()],
    ['HTTP 403', true, new ForbiddenException()],
    ['HTTP 404', true, new NotFoundException()],
    ['HTTP 410', true, new GoneException()],
    ['HTTP 400', false, new HttpException('', 400)],
    ['HTTP 409', false, new HttpException('', 409)],
    ['HTTP 429', false, new HttpException('', 429)],
    ['HTTP 500', false, new HttpException('', 500)],
    ['HTTP 503', false, new HttpException('', 503)],
    ['another library’s error with status 404', false, { status: 404 }],
    ['an error that only says 404', false, new Error('404')],
    ['undefined', false, undefined],
  ])(
    'says of %s, thrown by a loader, that it ends the session: %p',
    (_name, ends, error) => {
      expect(endsSession(error)).toBe(ends);
    },
  );
});

/** Throws what a test put there, and makes the mistakes that applications make. */
@Controller()
class MistakesController {
  static thrown: unknown;

  constructor(private readonly sessions: SessionService) {}

  @Public()
  @Get('throws')
  throws() {
    throw MistakesController.thrown;
  }

  @Public()
  @Post('generate')
  @HttpCode(200)
  generate(
    @Body() body: { params: unknown; attributes?: object },
    @Res({ passthrough: true }) response: object,
  ) {
    const { params, ...options } = body;
    return this.sessions.generate(params, { ...options, response });
  }

  @Public()
  @Get('everywhere')
  everywhere() {
    return this.sessions.revokeAll('ada');
  }

  @Public()
  @Get('dates')
  dates() {
    return this.sessions.generate({ since: new Date() }, { subject: 'ada' });
  }

  @Public()
  @Get('flushed')
  flushed(@Res() response: { raw?: object }) {
    const raw = (response.raw ?? response) as ServerResponse;
    raw.flushHeaders();
    throw new SessionError('TOKEN_INVALID', REASON);
  }

  @Public()
  @Get('piped')
  async piped(@Res() response: any) {
    const endless = new PassThrough();
    endless.write('begun ');
    if (response.raw) {
      void response.send(endless);
    } else {
      endless.pipe(response);
    }
    await turn();
    throw new SessionError('TOKEN_INVALID', REASON);
  }

  @Public()
  @Get('hijacked')
  async hijacked(@Res() response: { hijack?(): void }) {
    response.hijack?.();
    await turn();
    throw new SessionError('TOKEN_INVALID', REASON);
  }

  @Public()
  @Get('late')
  async late(@Res() response: { raw?: object }) {
    const raw = (response.raw ?? response) as ServerResponse;
    raw.writeHead(200, { 'Content-Type': 'text/plain' });
    raw.write('begun ');
    throw new SessionError('TOKEN_INVALID', REASON);
  }
}

describe.each(adapters)(
  'a SessionError that a handler on %s lets through',
  (adapter) => {
    let app: TestApp;
    let logs: CapturedLogs;

    beforeEach(async () => {
      logs = new CapturedLogs();
      app = await startTestApp(adapter, {
        controllers: [MistakesController],
        configure: (nest) => nest.useLogger(logs),
      });
    });
    afterEach(() => app.close());

    const faults = (): string[] => logs.matching('', 'error', 'fatal');

    it.each(STATUSES)(
      '%s is answered with %i and the one body of that status (S-119, A-164)',
      async (code, status) => {
        MistakesController.thrown = new SessionError(code, REASON, {
          cause: new Error(REASON),
        });
        const response = await app.browser().get('/throws');
        expect(response.status).toBe(status);
        expect(response.json).toEqual(bodyOf(code, status));
        expect(response.setCookie).toEqual([]);
      },
    );

    it.each(STATUSES)(
      '%s (%i) is logged once when it is the application’s mistake, and else not',
      async (code, status) => {
        MistakesController.thrown = new SessionError(code, REASON);
        await app.browser().get('/throws');
        const logged = faults();
        if (status === 500) {
          expect(logged).toHaveLength(1);
          expect(logged[0]).toContain(`${code}: ${REASON}`);
        } else {
          expect(logged).toEqual([]);
        }
      },
    );

    it.each([
      ['LOADER_UNAVAILABLE', 'a second given', 7, '7'],
      ['LOADER_UNAVAILABLE', 'none given', undefined, '1'],
      ['STORE_UNAVAILABLE', 'a second given', 7, '7'],
      ['STORE_UNAVAILABLE', 'none given', undefined, '1'],
      ['KEYS_UNAVAILABLE', 'a second given', 7, '7'],
      ['KEYS_UNAVAILABLE', 'none given', undefined, '1'],
    ] as const)(
      '503 of %s says when to try again, with %s',
      async (code, _case, given, expected) => {
        MistakesController.thrown = new SessionError(
          code,
          REASON,
          given === undefined ? {} : { retryAfterSeconds: given },
        );
        const response = await app.browser().get('/throws');
        expect(response.headers['retry-after']).toBe(expected);
      },
    );

    it('401, 403, 409 and 500 do not say when to try again', async () => {
      for (const code of [
        'TOKEN_INVALID',
        'SESSION_UNKNOWN',
        'REFRESH_REUSED',
        'SESSION_LIMIT',
        'CSRF_REFUSED',
        'SESSION_FORBIDDEN',
        'STORE_REQUIRED',
      ] as const) {
        MistakesController.thrown = new SessionError(code, REASON, {
          retryAfterSeconds: 7,
        });
        const response = await app.browser().get('/throws');
        expect(response.headers).not.toHaveProperty('retry-after');
      }
    });

    it('a subclass and an error of the loader are answered alike', async () => {
      MistakesController.thrown = new SessionEndedError(REASON);
      const response = await app.browser().get('/throws');
      expect(response.status).toBe(401);
      expect(response.json).toEqual(BODIES[401]);
    });

    it('other errors stay what they were', async () => {
      MistakesController.thrown = new NotFoundException('no such page');
      expect((await app.browser().get('/throws')).status).toBe(404);
      MistakesController.thrown = new Error(REASON);
      const response = await app.browser().get('/throws');
      expect(response.status).toBe(500);
      expect(response.text).not.toContain(REASON);
    });

    it('generate answers 401 for a user the loader does not know, and keeps the old session', async () => {
      const browser = await app.signIn();
      const response = await browser.post('/generate', { params: 'nobody' });
      expect(response.status).toBe(401);
      expect(response.json).toEqual(BODIES[401]);
      expect(response.setCookie).toEqual([]);
      expect((await browser.get('/me')).json.subject).toBe('ada');
      expect(faults()).toEqual([]);
    });

    it('generate answers 503 with Retry-After while the data source is down', async () => {
      app.users.failure = new Error('connection refused to db.internal');
      const response = await app.browser().post('/generate', { params: 'ada' });
      expect(response.status).toBe(503);
      expect(response.json).toEqual(BODIES[503]);
      expect(response.headers['retry-after']).toMatch(/^[1-5]$/);
      expect(response.setCookie).toEqual([]);
    });

    it('generate answers 403 for a sign-in that another site posts', async () => {
      const response = await app
        .browser()
        .post(
          '/generate',
          { params: 'ada' },
          { Origin: 'https://evil.example', 'Sec-Fetch-Site': 'cross-site' },
        );
      expect(response.status).toBe(403);
      expect(response.json).toEqual(BODIES[403]);
      expect(response.setCookie).toEqual([]);
    });

    it.each<
      [
        string,
        SessionErrorCode,
        (browser: ReturnType<TestApp['browser']>) => Promise<TestResponse>,
      ]
    >([
      [
        'params without a subject',
        'SUBJECT_REQUIRED',
        (browser) => browser.post('/generate', { params: { id: 'ada' } }),
      ],
      [
        'params that JSON would change',
        'NOT_SERIALIZABLE',
        (browser) => browser.get('/dates'),
      ],
      [
        'attributes beyond the size of a cookie',
        'SESSION_TOO_LARGE',
        (browser) =>
          browser.post('/generate', {
            params: 'ada',
            attributes: { note: 'x'.repeat(5000) },
          }),
      ],
      [
        'the wish to end all sessions without a store',
        'STORE_REQUIRED',
        (browser) => browser.get('/everywhere'),
      ],
    ])(
      '%s: 500, logged once as %s, and not disclosed',
      async (_case, code, ask) => {
        const response = await ask(app.browser());
        expect(response.status).toBe(500);
        expect(response.json).toEqual(BODIES[500]);
        expect(response.text).not.toContain(code);
        expect(faults()).toHaveLength(1);
        expect(faults()[0]).toContain(code);
      },
    );

    it.each([
      ['written', '/late', 'begun '],
      ['flushed', '/flushed', ''],
      ['sent by a stream without end', '/piped', 'begun '],
    ])(
      'after the head was %s, the answer ends and the server lives',
      async (_how, path, text) => {
        // As the adapter for Fastify of Nest 11 has it.
        const http = app.app.getHttpAdapter() as {
          isHeadersSent(response: any): boolean;
        };
        const isHeadersSent = http.isHeadersSent.bind(http);
        for (const isSent of [
          isHeadersSent,
          (response: any) =>
            response.raw ? response.sent : response.headersSent,
        ]) {
          http.isHeadersSent = isSent;
          const response = await app.browser().get(path);
          expect(response.text).toBe(text);
        }
        expect((await app.browser().get('/public')).status).toBe(200);
        expect(faults()).toEqual([]);
      },
    );

    it('after middleware wrote the head, the refusal of the guard ends the answer', async () => {
      const begun = await startTestApp(adapter, {
        configure: (nest) =>
          nest.use(
            (_request: unknown, response: ServerResponse, next: () => void) => {
              response.writeHead(200, { 'Content-Type': 'text/plain' });
              response.write('begun ');
              next();
            },
          ),
      });
      const http = begun.app.getHttpAdapter() as {
        isHeadersSent(response: any): boolean;
      };
      expect((await begun.browser().get('/me')).text).toBe('begun ');
      // As the adapter for Fastify of Nest 11 has it.
      http.isHeadersSent = (response: any) =>
        response.raw ? response.sent : response.headersSent;
      expect((await begun.browser().get('/me')).text).toBe('begun ');
      await begun.close();
    });

    it('on a reply that the handler has taken over before its head, is answered all the same', async () => {
      const response = await app.browser().get('/hijacked');
      expect(response.status).toBe(401);
      expect(response.json).toEqual(BODIES[401]);
      expect(response.headers['cache-control']).toBe('no-store');
    });
  },
);

describe('SessionExceptionFilter outside of HTTP', () => {
  let app: TestApp;
  let filter: SessionExceptionFilter;
  let logs: CapturedLogs;
  const error = new SessionError('SESSION_ENDED', REASON);

  beforeAll(async () => {
    logs = new CapturedLogs();
    app = await startTestApp('express', {
      configure: (nest) => nest.useLogger(logs),
    });
    filter = new SessionExceptionFilter(
      app.app.get(HttpAdapterHost),
      app.app.get(SESSION_RUNTIME),
    );
  });
  afterAll(() => app.close());

  const PUBLIC_ERROR = {
    status: 401,
    message: 'Unauthorized',
    errorCode: 'SESSION_REQUIRED',
  };

  function hostOf(type: string, client: object = {}): ArgumentsHost {
    const host = new ExecutionContextHost([client, {}]);
    host.setType(type);
    return host;
  }

  it('gives a microservice an observable that fails with the public error', async () => {
    const answer = filter.catch(error, hostOf('rpc')) as Observable<never>;
    const failure = await lastValueFrom(answer).catch(
      (reason: unknown) => reason,
    );
    // Microservices send all of it, an exception with its cause.
    expect(failure).toEqual(PUBLIC_ERROR);
  });

  it('answers the message of a gateway with the public error', () => {
    const emitted: unknown[] = [];
    const emit = (...given: unknown[]) => emitted.push(given);
    expect(filter.catch(error, hostOf('ws', { emit }))).toBeUndefined();
    expect(emitted).toEqual([['exception', PUBLIC_ERROR]]);
  });

  it('gives GraphQL drivers the code by which they recognise refusals', () => {
    expect(() => filter.catch(error, hostOf('graphql'))).toThrow(
      expect.objectContaining({
        extensions: {
          code: 'UNAUTHENTICATED',
          errorCode: 'SESSION_REQUIRED',
        },
      }),
    );
  });

  it.each([['graphql'], ['something-else']])(
    'throws the public error in a %s context, where there is no response',
    (type) => {
      let thrown: unknown;
      try {
        filter.catch(error, hostOf(type));
      } catch (caught) {
        thrown = caught;
      }
      expect(thrown).toBeInstanceOf(HttpException);
      expect((thrown as HttpException).getStatus()).toBe(401);
      expect((thrown as HttpException).message).not.toContain(REASON);
    },
  );

  it('logs an application’s mistake there too', () => {
    const before = logs.matching('STORE_REQUIRED').length;
    const mistake = new SessionError('STORE_REQUIRED', REASON);
    expect(() => filter.catch(mistake, hostOf('graphql'))).toThrow(
      HttpException,
    );
    expect(logs.matching('STORE_REQUIRED', 'error')).toHaveLength(before + 1);
  });
});

describe.each(adapters)(
  'a catch-all filter of the application on %s',
  (adapter) => {
    @Catch()
    class CatchAll extends BaseExceptionFilter {
      override catch(error: unknown, host: ArgumentsHost): void {
        super.catch(
          error instanceof SessionError ? toHttpException(error) : error,
          host,
        );
      }
    }

    it('answers as the library does, with toHttpException', async () => {
      const app = await startTestApp(adapter, {
        controllers: [MistakesController],
        configure: (nest) =>
          nest.useGlobalFilters(new CatchAll(nest.getHttpAdapter())),
      });
      try {
        for (const [code, status] of STATUSES) {
          MistakesController.thrown = new SessionError(code, REASON);
          const response = await app.browser().get('/throws');
          expect(response.json).toEqual(bodyOf(code, status));
        }
        expect((await app.browser().get('/me')).json).toEqual(BODIES[401]);
      } finally {
        await app.close();
      }
    });
  },
);

describe.each(adapters)(
  'WWW-Authenticate on %s (RFC 9110, 15.5.2)',
  (adapter) => {
    const open = (
      session: NonNullable<TestAppOptions['session']>,
    ): Promise<TestApp> =>
      startTestApp(adapter, { controllers: [MistakesController], session });

    it.each<
      [string, NonNullable<TestAppOptions['session']>, string | undefined]
    >([
      ['cookie', {}, undefined],
      ['header', { transport: 'header' }, 'Bearer'],
      ['cookie and header', { transport: ['cookie', 'header'] }, 'Bearer'],
      [
        'header with a scheme of its own',
        { transport: 'header', header: { scheme: 'Session' } },
        'Session',
      ],
    ])(
      'of a 401 under the %s transport, from guard and handler',
      async (_name, session, expected) => {
        const app = await open(session);
        try {
          MistakesController.thrown = new SessionError('SESSION_ENDED', REASON);
          for (const path of ['/me', '/throws']) {
            const response = await app.browser().get(path);
            expect(response.status).toBe(401);
            expect(response.headers['www-authenticate']).toBe(expected);
          }
          const bad = await app.browser().get('/me', {
            Authorization: 'Bearer x',
            Cookie: '__Host-Http-session=x',
          });
          expect(bad.status).toBe(401);
          expect(bad.headers['www-authenticate']).toBe(expected);
        } finally {
          await app.close();
        }
      },
    );

    it('is not sent with any other status', async () => {
      const app = await open({ transport: ['cookie', 'header'] });
      try {
        for (const [code, status] of STATUSES) {
          MistakesController.thrown = new SessionError(code, REASON);
          const { headers } = await app.browser().get('/throws');
          expect('www-authenticate' in headers).toBe(status === 401);
        }
        const { token } = await app.sessions.generate('ada');
        const me = await app
          .browser()
          .get('/me', { Authorization: `Bearer ${token}` });
        expect(me.status).toBe(200);
        expect(me.headers).not.toHaveProperty('www-authenticate');
      } finally {
        await app.close();
      }
    });
  },
);
