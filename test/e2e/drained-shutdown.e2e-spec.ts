import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { request, type ClientRequest, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import {
  compileLibrary,
  type CompiledLibrary,
} from '../support/compiled-library.js';
import { SECRET } from '../support/secrets.js';
import { combinations, platforms } from '../support/effort.js';
import { printFigures } from '../support/figures.js';

const adapters = platforms('express');

/** An application whose loader waits for its parent, and that tells what it hears until its process ends. */
const APPLICATION = `
import 'reflect-metadata';
import { writeSync } from 'node:fs';
import { Controller, HttpCode, Module, Post, Req } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { ExpressAdapter } from '@nestjs/platform-express';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import { MemorySessionStore, Public, SessionDataLoader, SessionJwtModule, SessionService } from './lib/index.js';

const tell = (message) => writeSync(1, JSON.stringify(message) + '\\n');
let isGated = false;
let open;
const gate = new Promise((resolve) => { open = resolve; });
process.on('message', () => open());

class Loader extends SessionDataLoader {
  async load() {
    if (isGated) {
      tell({ type: 'loading' });
      await gate;
    }
    return { role: 'member' };
  }
}

class RefreshController {
  constructor(sessions) { this.sessions = sessions; }
  refresh(request) { return this.sessions.refresh(request); }
}
Reflect.defineMetadata('design:paramtypes', [SessionService], RefreshController);
Req()(RefreshController.prototype, 'refresh', 0);
const route = Object.getOwnPropertyDescriptor(RefreshController.prototype, 'refresh');
for (const decorate of [Post('refresh'), HttpCode(200), Public()]) {
  decorate(RefreshController.prototype, 'refresh', route);
}
Controller()(RefreshController);

class AppModule {
  onModuleDestroy() { tell({ type: 'draining' }); }
}
Module({
  imports: [
    SessionJwtModule.forRoot({
      secret: process.env.SECRET,
      transport: 'header',
      refreshToken: {},
      store: new MemorySessionStore(),
      storeTimeout: '20s',
      loader: { timeout: '60s' },
      dataLoader: Loader,
    }),
  ],
  controllers: [RefreshController],
})(AppModule);

const write = (line) => tell({ type: 'log', line: String(line) });
const logger = { log() {}, debug() {}, verbose() {}, warn: write, error: write, fatal: write };
const adapter = process.env.ADAPTER === 'express' ? new ExpressAdapter() : new FastifyAdapter();
const app = await NestFactory.create(AppModule, adapter, { logger });
app.enableShutdownHooks();
await app.listen(0, '127.0.0.1');
const sessions = app.get(SessionService);
sessions.events$.subscribe({
  next: ({ type, subject }) => tell({ type: 'event', event: type, subject }),
  complete: () => tell({ type: 'completed' }),
});
const tokens = [(await sessions.generate('ada')).refreshToken];
while (tokens.length < 3) {
  tokens.push((await sessions.refresh(tokens.at(-1))).refreshToken);
}
isGated = true;
tell({ type: 'ready', port: app.getHttpServer().address().port, tokens });
`;

interface Message {
  readonly type:
    'ready' | 'loading' | 'draining' | 'event' | 'log' | 'completed';
  readonly port?: number;
  readonly tokens?: string[];
  readonly event?: string;
  readonly subject?: string;
  readonly line?: string;
}

/** The application in a process of its own. */
class RunningApplication {
  readonly messages: Message[] = [];
  readonly ended: Promise<unknown>;
  #heard = () => {};

  constructor(readonly child: ChildProcess) {
    let rest = '';
    child.stdout!.on('data', (chunk: Buffer) => {
      const lines = (rest + chunk.toString()).split('\n');
      rest = lines.pop()!;
      this.messages.push(
        ...lines.map((line): Message => JSON.parse(line) as Message),
      );
      this.#heard();
    });
    this.ended = once(child, 'close').then(() => this.#heard());
  }

  /** Waits for a message of a type. */
  async heard(type: Message['type']): Promise<Message> {
    for (;;) {
      const found = this.messages.find((message) => message.type === type);
      if (found) {
        return found;
      }
      if (this.child.exitCode !== null) {
        throw new Error(`ended before it said ${type}`);
      }
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
  }
}

describe.each(adapters)(
  'F-29: a process that gets SIGTERM while a refresh is under way on %s',
  (adapter) => {
    let library: CompiledLibrary;

    beforeAll(() => {
      library = compileLibrary();
      writeFileSync(join(library.folder, 'application.mjs'), APPLICATION);
    });
    afterAll(() => library.remove());

    /** Sends the refresh token of a generation, and SIGTERM when its data is being loaded. */
    async function refreshWhileDraining(
      generation: number,
      isAbandoned = false,
    ): Promise<{ status: number | undefined; messages: Message[] }> {
      const child = fork(join(library.folder, 'application.mjs'), {
        cwd: library.folder,
        execArgv: [],
        env: { ...process.env, NODE_OPTIONS: '', SECRET, ADAPTER: adapter },
        stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
      });
      const application = new RunningApplication(child);
      try {
        const { port, tokens } = await application.heard('ready');
        const outgoing = post(port!, { refreshToken: tokens![generation] });
        const status = statusOf(outgoing);
        await application.heard('loading');
        if (isAbandoned) outgoing.destroy();
        child.kill('SIGTERM');
        await application.heard('draining');
        child.send('go on');
        await application.ended;
        return { status: await status, messages: application.messages };
      } finally {
        child.kill('SIGKILL');
        await application.ended;
      }
    }

    it('answers it', async () => {
      const { status, messages } = await refreshWhileDraining(2);
      expect(status).toBe(200);
      expect(eventsAfterDraining(messages)).toContain('refreshed');
      printFigures(
        'F-29',
        `${adapter}, SIGTERM with a refresh in flight: ${status}`,
      );
      expect(messages.at(-1)).toEqual({ type: 'completed' });
    });

    it.each(
      combinations<
        [what: string, isAbandoned: boolean, status: number | undefined]
      >(
        [
          ['reports the theft, though the client has gone', true, undefined],
          ['refuses it, and reports the theft', false, 401],
        ],
        1,
      ),
    )(
      '%s, as an event and in the log',
      async (_what, isAbandoned, expected) => {
        const { status, messages } = await refreshWhileDraining(0, isAbandoned);
        expect(status).toBe(expected);
        expect(eventsAfterDraining(messages)).toEqual(
          expect.arrayContaining(['refreshReused', 'ended']),
        );
        const lines = messages.filter(({ line }) => line?.includes('reused'));
        expect(lines).toHaveLength(1);
        expect(lines[0]!.line).toContain('subject "ada"');
        expect(messages.at(-1)).toEqual({ type: 'completed' });
      },
    );
  },
);

function post(port: number, body: object): ClientRequest {
  const outgoing = request({
    host: '127.0.0.1',
    port,
    method: 'POST',
    path: '/refresh',
    headers: { 'Content-Type': 'application/json' },
  });
  outgoing.end(JSON.stringify(body));
  return outgoing;
}

/** The status of the response; `undefined` where none came. */
async function statusOf(outgoing: ClientRequest): Promise<number | undefined> {
  try {
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    response.resume();
    await once(response, 'end');
    return response.statusCode;
  } catch {
    return undefined;
  }
}

function eventsAfterDraining(messages: Message[]): (string | undefined)[] {
  const from = messages.findIndex(({ type }) => type === 'draining');
  return messages
    .slice(from)
    .filter(({ type }) => type === 'event')
    .map(({ event }) => event);
}
