import { Controller } from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { RpcException } from '@nestjs/microservices';
import { jest } from '@jest/globals';
import { Authorize, SessionGuard, SessionJwtModule } from '../../lib/index.js';
import { authorizeGuardOf } from '../../lib/nest/authorization/authorize.guard.js';
import { ModuleGuard } from '../../lib/nest/authorization/module-guard.js';
import {
  SESSION_RUNTIME,
  type SessionRuntime,
} from '../../lib/nest/session-runtime.js';
import { createTestSession } from '../../lib/testing/index.js';
import { boot, closeBooted, type BootedApp } from '../support/nest-app.js';
import { SECRET } from '../support/secrets.js';

/** The context of a message, as a transport makes it. */
interface Message {
  readonly metadata: { readonly authorization?: string };
}

@Controller()
class OrdersController {
  @Authorize(({ subject }) => subject === 'ada')
  cancel() {}
}

describe('@Authorize() in a context that the application explains', () => {
  let app: BootedApp;
  let decided: string[];

  beforeAll(async () => {
    app = await boot({
      imports: [
        SessionJwtModule.forRoot({
          secret: SECRET,
          dataLoader: false,
          transport: 'header',
          guard: false,
          contexts: {
            // A new object each time.
            rpc: (context) => {
              const { metadata } = context.switchToRpc().getContext<Message>();
              return { request: { headers: { ...metadata } } };
            },
          },
        }),
      ],
      controllers: [OrdersController],
    });
  });
  beforeEach(() => (decided = []));
  afterEach(() => jest.restoreAllMocks());
  afterAll(closeBooted);

  const runtime = () => app.get<SessionRuntime>(SESSION_RUNTIME);

  /** Runs the guard of the application, and two predicates. */
  async function activate(kind: string, message: Message): Promise<unknown> {
    const predicate = (name: string) => {
      const Guard = authorizeGuardOf(({ subject }) => {
        decided.push(name);
        return subject === 'ada';
      });
      return new Guard(runtime(), app.get(ModuleGuard));
    };
    const context = new ExecutionContextHost(
      [{ from: 'the sender' }, message],
      OrdersController,
      OrdersController.prototype.cancel,
    );
    context.setType(kind);
    try {
      for (const guard of [
        app.get(SessionGuard),
        predicate('first'),
        predicate('second'),
      ]) {
        if (!(await guard.canActivate(context))) return false;
      }
      return true;
    } catch (error) {
      return error;
    }
  }

  const messageOf = async (user: string): Promise<Message> => ({
    metadata: {
      authorization: (await createTestSession(app.app, user)).header,
    },
  });

  it('verifies the session of a message once', async () => {
    const { authenticator } = runtime();
    const verified = jest.spyOn(authenticator, 'authenticate');
    expect(await activate('rpc', await messageOf('ada'))).toBe(true);
    expect(decided).toEqual(['first', 'second']);
    expect(verified).toHaveBeenCalledTimes(1);
  });

  it('refuses with the exception of that context', async () => {
    const forbidden = await activate('rpc', await messageOf('bob'));
    expect(forbidden).toBeInstanceOf(RpcException);
    expect((forbidden as RpcException).getError()).toEqual({
      status: 403,
      message: 'Forbidden',
      errorCode: 'SESSION_FORBIDDEN',
    });
    expect(decided).toEqual(['first']);
    const stranger = await activate('rpc', { metadata: {} });
    expect((stranger as RpcException).getError()).toMatchObject({
      status: 401,
      errorCode: 'SESSION_REQUIRED',
    });
    expect(decided).toEqual(['first']);
  });

  it('refuses a context of another kind', async () => {
    expect(await activate('other', await messageOf('ada'))).toMatchObject({
      status: 401,
    });
    expect(decided).toEqual([]);
  });
});
