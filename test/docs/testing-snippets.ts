import { ROOT } from '../support/library-sources.js';
import { moduleOf } from './coming-from-snippets.js';
import { blocksOf, readPage, type Section } from './snippets/page.js';

const page: Section = { title: 'Testing', text: readPage('docs/testing.md') };
const lines = blocksOf(page, 'ts').join('\n').split('\n');
const isImport = (line: string): boolean => line.startsWith('import ');

/** The lines of the page as one test, of an application like that of docs/coming-from.md. */
export const source = `import { Module, UseGuards, type INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { io } from 'socket.io-client';
import request from 'supertest';
import { SessionClock, SessionConnections, SessionGuard, SessionJwtModule } from 'nestjs-session-jwt';
import { UsersModule } from '${ROOT}test/docs/snippets/application.ts';
${lines.filter(isImport).join('\n')}
${moduleOf({ title: '', text: '' }).replaceAll(/^export .*$/gm, '')}
@UseGuards(SessionGuard) // Nest 11 runs no global guard for gateways
@WebSocketGateway({ namespace: 'live' })
class LiveGateway {
  constructor(private readonly connections: SessionConnections) {}

  async handleConnection(client: object) {
    await this.connections.open(client);
  }

  @SubscribeMessage('say')
  say(@Session() session: ActiveSession, @MessageBody() text: string) {
    return { event: 'said', data: \`\${session.subject}: \${text}\` };
  }
}

export function appModule(options: Partial<SessionJwtModuleOptions> = {}) {
  @Module({
    imports: [
      UsersModule,
      SessionJwtModule.forRootAsync({
        imports: [UsersModule],
        dataLoader: UserSessionLoader,
        useFactory: () => ({ secret, ...options }),
      }),
    ],
    controllers: [AccountController],
    providers: [LiveGateway],
  })
  class AppModule {}
  return AppModule;
}

export async function run(AppModule = appModule()): Promise<INestApplication> {
${lines.filter((line) => !isImport(line)).join('\n')}
return app;
}

export async function runWithoutGuard(): Promise<INestApplication> {
const module = await Test.createTestingModule({ imports: [appModule()] }).
${/`(overrideProvider\(SessionGuard\).*?)`/.exec(page.text)![1]}.compile();
return module.createNestApplication().init();
}
`;
