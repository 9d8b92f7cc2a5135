import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { Controller, Sse } from '@nestjs/common';
import { finalize, fromEvent, map, merge, Subject, takeUntil } from 'rxjs';
import {
  Authorize,
  Session,
  SessionService,
  type ActiveSession,
} from '../../lib/index.js';
import { createTestSession } from '../../lib/testing/index.js';
import { until } from '../support/asynchrony.js';
import {
  bothAdapters as adapters,
  startTestApp,
  type TestApp,
} from '../support/test-app.js';

const news = new Subject<string>();
let streams = 0;

const isAdmin = ({ data }: ActiveSession): boolean =>
  (data as { role: string }).role === 'admin';

@Controller()
class NewsController {
  constructor(private readonly sessions: SessionService) {}

  @Authorize(isAdmin)
  @Sse('now')
  now(@Session() session: ActiveSession) {
    return this.stream(session);
  }

  @Authorize(async (session) => isAdmin(session))
  @Sse('later')
  later(@Session() session: ActiveSession) {
    return this.stream(session);
  }

  private stream(session: ActiveSession) {
    streams += 1;
    const ended = fromEvent(this.sessions.endSignal(session), 'abort');
    return merge(news).pipe(
      map((data) => ({ data })),
      takeUntil(ended),
      finalize(() => (streams -= 1)),
    );
  }
}

describe.each(
  adapters.flatMap(([adapter]) =>
    [true, false].map((guard) => ({ adapter, guard })),
  ),
)('@Authorize() on a stream on $adapter, guard: $guard', (platform) => {
  let app: TestApp;

  beforeAll(async () => {
    app = await startTestApp(platform.adapter, {
      extras: { guard: platform.guard },
      controllers: [NewsController],
    });
  });

  afterAll(() => app.close());

  const signIn = (user: string) => createTestSession(app.app, user);

  async function open(path: string, cookie = ''): Promise<IncomingMessage> {
    const outgoing = request({
      host: '127.0.0.1',
      port: app.port,
      path,
      headers: { accept: 'text/event-stream', cookie },
      agent: false,
    });
    outgoing.end();
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    return response.setEncoding('utf8');
  }

  async function bodyOf(response: IncomingMessage): Promise<string> {
    const parts = (await response.toArray()) as string[];
    return parts.join('');
  }

  describe.each(['/now', '/later'])('%s', (path) => {
    it('streams to a session that the predicate accepts, until it ends', async () => {
      const { cookie, session } = await signIn('ada');
      const response = await open(path, cookie);
      expect(response.statusCode).toBe(200);
      expect(response.headers['content-type']).toContain('text/event-stream');
      await until(() => streams === 1, 'the stream is open');
      const body = bodyOf(response);
      news.next('first');
      await app.sessions.revoke(session);
      news.next('second');
      expect(await body).toContain('data: first');
      expect(await body).not.toContain('second');
      expect(streams).toBe(0);
    });

    it.each([
      ['the predicate refuses', 'bob', 403, 'SESSION_FORBIDDEN'],
      ['there is no session', undefined, 401, 'SESSION_REQUIRED'],
    ])(
      'answers instead of opening a stream where %s',
      async (_why, user, status, errorCode) => {
        const response = await open(path, user && (await signIn(user)).cookie);
        expect(response.statusCode).toBe(status);
        expect(JSON.parse(await bodyOf(response))).toMatchObject({
          statusCode: status,
          errorCode,
        });
        expect(streams).toBe(0);
        expect(news.observed).toBe(false);
      },
    );
  });
});
