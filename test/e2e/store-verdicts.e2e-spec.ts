import {
  Controller,
  Get,
  Inject,
  Injectable,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import {
  ActiveSession,
  Session,
  SessionService,
  type SessionRecord,
} from '../../lib/index.js';
import { SessionClient } from '../support/session-client.js';
import { SickStore } from '../support/sick-store.js';
import { openStoredNode, openStoredNodes } from '../support/stored-nodes.js';
import { platforms } from '../support/effort.js';

const adapters = platforms('express');

/** A guard of the application that is stricter than the module's, and lets the handler decide. */
@Injectable()
class CheckingGuard implements CanActivate {
  constructor(
    @Inject(SessionService) private readonly sessions: SessionService,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const http = context.switchToHttp();
    await this.sessions.authenticate(http.getRequest(), {
      response: http.getResponse(),
      checkRevocation: true,
    });
    return true;
  }
}

@Controller()
class GuardedController {
  @UseGuards(CheckingGuard)
  @Get('guarded')
  guarded(@Session() session: ActiveSession | undefined) {
    return { subject: session?.subject ?? null };
  }
}

/** Answers what no store should. */
class ForgetfulStore extends SickStore {
  answer: unknown;

  override read(
    ...args: Parameters<SickStore['read']>
  ): Promise<SessionRecord | undefined> {
    return this.answer === undefined
      ? super.read(...args)
      : Promise.resolve(this.answer as SessionRecord);
  }
}

describe.each(adapters)('what a store says on %s', (adapter) => {
  it('of an ended session leaves none for the handler, where a guard of the application checks after ours (A-080)', async () => {
    const { a, b } = await openStoredNodes(
      adapter,
      {},
      { controllers: [GuardedController], providers: [CheckingGuard] },
    );
    const client = await SessionClient.signIn(a, 'cookie');
    expect((await client.get('/guarded')).json).toEqual({ subject: 'ada' });
    const { id } = client;
    expect(await b.sessions.revoke({ id, subject: 'ada' })).toBe(true);
    const response = await client.get('/guarded');
    expect([response.status, response.json]).toEqual([200, { subject: null }]);
    expect(client.token).toBeUndefined();
  });

  it('is waited for before a sign-in as somebody else ends the session that was there', async () => {
    const { app, store } = await openStoredNode(adapter);
    const client = await SessionClient.signIn(app, 'cookie');
    app.events.length = 0;
    store.fall('rejects', 'end');
    const refused = await client.post('/login', { user: 'bob' });
    expect(refused.status).toBe(503);
    expect(refused.setCookie).toEqual([]);
    expect(app.eventsOf('created')).toEqual([]);
    expect(app.eventsOf('ended')).toEqual([]);
    store.recover();
    expect((await client.get('/me')).json.subject).toBe('ada');

    expect((await client.post('/login', { user: 'bob' })).status).toBe(200);
    expect(app.eventsOf('ended')).toMatchObject([
      { subject: 'ada', reason: 'replaced', reach: 'store' },
    ]);
    expect(await app.sessions.list('ada')).toEqual([]);
  });

  it('of a new session that could not replace the old one is taken back', async () => {
    const { app, store } = await openStoredNode(adapter);
    const client = await SessionClient.signIn(app, 'cookie');
    const end = store.end.bind(store);
    let failures = 0;
    store.end = (id, subject) => {
      failures += 1;
      return failures === 1
        ? Promise.reject(new Error('lost connection'))
        : end(id, subject);
    };
    expect((await client.post('/login', { user: 'bob' })).status).toBe(503);
    expect(await app.sessions.list('bob')).toEqual([]);
    expect(await app.sessions.list('ada')).toHaveLength(1);
  });

  it.each<[unknown]>([
    [{}],
    [7],
    [true],
    ['record'],
    [{ attributes: [] }],
    [{ attributes: {}, revision: 0 }],
  ])(
    'is a failure of the store when it is %j and no record',
    async (answer) => {
      const { app, store } = await openStoredNode(
        adapter,
        { keepDataIn: 'store' },
        {},
        new ForgetfulStore(),
      );
      const client = await SessionClient.signIn(app, 'cookie');
      (store as ForgetfulStore).answer = answer;
      const response = await client.get('/me');
      expect([response.status, response.setCookie]).toEqual([503, []]);
      expect(app.eventsOf('storeFailed')).toMatchObject([
        { operation: 'read' },
      ]);
      (store as ForgetfulStore).answer = undefined;
      expect((await client.get('/me')).status).toBe(200);
    },
  );
});
