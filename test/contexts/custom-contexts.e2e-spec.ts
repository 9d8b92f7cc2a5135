import { Controller, type ExecutionContext } from '@nestjs/common';
import { ExternalContextCreator } from '@nestjs/core';
import {
  ClientProxyFactory,
  EventPattern,
  MessagePattern,
  Payload,
  Transport,
  type ClientProxy,
} from '@nestjs/microservices';
import { firstValueFrom } from 'rxjs';
import {
  ActiveSession,
  OptionalSession,
  Public,
  Session,
  SessionConfigError,
  SessionJwtModule,
  type ContextFinders,
} from '../../lib/index.js';
import {
  createTestSession,
  type TestSession,
} from '../../lib/testing/index.js';
import { until } from '../support/asynchrony.js';
import { CapturedLogs } from '../support/captured-logs.js';
import { freePort } from '../support/free-port.js';
import {
  boot,
  bootError,
  closeBooted,
  type BootedApp,
} from '../support/nest-app.js';
import { SECRET } from '../support/secrets.js';

@Controller()
class Messages {
  static handled: string[] = [];

  @MessagePattern('me')
  me(@Session() session: ActiveSession) {
    return this.note('me', session.subject);
  }

  @MessagePattern('optional')
  @OptionalSession()
  optional(@Session() session: ActiveSession | undefined) {
    return this.note('optional', session?.subject ?? 'nobody');
  }

  @MessagePattern('open')
  @Public()
  open(@Payload() text: string, @Session() session?: ActiveSession) {
    return this.note('open', `${text} ${session?.subject ?? 'nobody'}`);
  }

  @EventPattern('happened')
  happened(@Payload() _event: unknown) {
    this.note('happened', '');
  }

  private note(handler: string, answer: string): string {
    Messages.handled.push(handler);
    return answer;
  }
}

let app: BootedApp;
let logs: CapturedLogs;
let client: ClientProxy;
let session: TestSession;

async function start(contexts?: ContextFinders): Promise<void> {
  const port = await freePort();
  const options = { host: '127.0.0.1', port };
  logs = new CapturedLogs();
  app = await boot(
    {
      imports: [
        SessionJwtModule.forRoot({
          secret: SECRET,
          transport: 'header',
          dataLoader: false,
          ...(contexts && { contexts }),
        }),
      ],
      controllers: [Messages],
    },
    {
      logger: logs,
      configure: (nest) =>
        void nest.connectMicroservice(
          { transport: Transport.TCP, options },
          { inheritAppConfig: true },
        ),
    },
  );
  await app.app.startAllMicroservices();
  client = ClientProxyFactory.create({ transport: Transport.TCP, options });
  session = await createTestSession(app.app, 'ada');
  Messages.handled = [];
}

afterEach(async () => {
  await client?.close();
  await closeBooted();
});

/** The answer to a message, or the body of the error. */
const ask = (pattern: string, payload: unknown = {}): Promise<unknown> =>
  firstValueFrom(client.send<unknown>(pattern, payload as object)).catch(
    (error: unknown) => error,
  );

const REFUSED = {
  status: 401,
  message: 'Unauthorized',
  errorCode: 'SESSION_REQUIRED',
};

/** As an application reads the metadata of its transport; a TCP message has only its payload. */
const rpc = (context: ExecutionContext) => {
  const { token } = context.switchToRpc().getData<{ token?: unknown }>();
  return typeof token === 'string'
    ? { request: { headers: { authorization: token } } }
    : undefined;
};

describe('a context of another kind', () => {
  it('is refused, with one log line that names the extra', async () => {
    await start();
    expect(await ask('me')).toEqual(REFUSED);
    expect(await ask('optional')).toEqual(REFUSED);
    expect(Messages.handled).toEqual([]);
    const lines = logs.matching("contexts: { 'rpc'", 'warn');
    expect(lines).toHaveLength(1);
  });

  it('is refused although its payload looks like a request', async () => {
    await start();
    for (const payload of [
      { headers: { authorization: session.header } },
      { headers: { cookie: session.cookie }, method: 'GET', url: '/' },
      { req: { headers: { authorization: session.header } } },
      [{ headers: { authorization: session.header } }],
    ]) {
      expect(await ask('me', payload)).toEqual(REFUSED);
    }
  });

  it('handles what is public, without a session', async () => {
    await start();
    expect(await ask('open', 'hello')).toBe('hello nobody');
  });

  it('does not run the handler of an event', async () => {
    await start();
    client.emit('happened', {});
    await until(
      () => logs.matching("contexts: { 'rpc'", 'warn').length > 0,
      'the refusal',
    );
    expect(Messages.handled).toEqual([]);
  });

  it('has the session of the request that the extra finds', async () => {
    await start({ rpc });
    expect(await ask('me', { token: session.header })).toBe('ada');
    expect(await ask('optional', { token: session.header })).toBe('ada');
    expect(await ask('optional', { token: 'Bearer x' })).toBe('nobody');
    expect(await ask('me', { token: `${session.header}x` })).toEqual(REFUSED);
    expect(await ask('me', {})).toEqual(REFUSED);
    expect(await ask('me', { token: session.header })).toBe('ada');
  });

  it.each([
    ['a payload', (context: ExecutionContext) => context.getArgByIndex(0)],
    ['a request without headers', () => ({ request: {} })],
    ['headers that are none', () => ({ request: { headers: 'x' } })],
    ['a text', () => 'request'],
  ])('is refused if the extra returns %s', async (_what, find) => {
    await start({ rpc: find as never });
    expect(await ask('me', { headers: {} })).toEqual(REFUSED);
    expect(Messages.handled).toEqual([]);
  });

  it('is answered like a defect if the extra throws', async () => {
    await start({
      rpc: () => {
        throw new TypeError('a mistake');
      },
    });
    expect(await ask('me')).toMatchObject({ message: 'Internal server error' });
    expect(Messages.handled).toEqual([]);
  });

  it.each([
    ['no object', 'rpc'],
    ['a finder that is no function', { rpc: true }],
    ['a finder for HTTP', { http: () => undefined }],
  ])('stops the boot with %s as the extra', async (_what, contexts) => {
    const error = await bootError({
      imports: [
        SessionJwtModule.forRoot({
          secret: SECRET,
          dataLoader: false,
          contexts: contexts as never,
        }),
      ],
    });
    expect(error).toBeInstanceOf(SessionConfigError);
    expect(String(error)).toContain('contexts');
  });

  it('can be one that the application has made', async () => {
    const handled: unknown[] = [];
    class Job {
      run(_job: unknown, text: unknown) {
        handled.push(text);
        return text;
      }
    }
    await start({
      job: (context: ExecutionContext) => ({
        request: {
          headers: { authorization: context.getArgByIndex<any>(0).token },
        },
      }),
    });
    const job = new Job();
    const run = app
      .get(ExternalContextCreator)
      .create(
        job,
        job.run,
        'run',
        undefined,
        undefined,
        undefined,
        undefined,
        { guards: true },
        'job',
      );
    expect(await run({ token: session.header }, 'good')).toBe('good');
    await expect(run({ token: 'Bearer x' }, 'bad')).rejects.toMatchObject({
      response: { errorCode: 'SESSION_REQUIRED' },
    });
    expect(handled).toEqual(['good']);
  });
});
