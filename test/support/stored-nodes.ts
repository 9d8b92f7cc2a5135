import { Body, Controller, Get, HttpCode, Post } from '@nestjs/common';
import {
  ActiveSession,
  Session,
  SessionService,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { openTestApp } from './opened-apps.js';
import { SickStore } from './sick-store.js';
import type { AdapterName, TestApp, TestAppOptions } from './test-app.js';

/** A page of the user's devices, as an application would write it. */
@Controller('devices')
class DevicesController {
  constructor(private readonly sessions: SessionService) {}

  @Get()
  async list(@Session() session: ActiveSession) {
    const all = await this.sessions.list(session.subject);
    return all.map((info) => ({ ...info, isThis: info.id === session.id }));
  }

  @Post('end')
  @HttpCode(200)
  async end(@Session() session: ActiveSession, @Body() body: { id: string }) {
    const { subject } = session;
    return { ended: await this.sessions.revoke({ id: body.id, subject }) };
  }

  @Post('end-others')
  @HttpCode(200)
  async endOthers(@Session() session: ActiveSession) {
    const { subject, id } = session;
    return { ended: await this.sessions.revokeAll(subject, { except: id }) };
  }

  @Post('end-all')
  @HttpCode(200)
  async endAll(@Session('subject') subject: string) {
    return { ended: await this.sessions.revokeAll(subject) };
  }
}

/** Two nodes of one application: one store and one clock, and nothing else in common. */
export interface StoredNodes {
  readonly a: TestApp;
  readonly b: TestApp;
  readonly store: SickStore;
  readonly clock: TestSessionClock;
}

/** One node, for tests that need no second one. */
export async function openStoredNode(
  adapter: AdapterName,
  session: Partial<SessionJwtModuleOptions> = {},
  options: TestAppOptions = {},
  store = new SickStore(),
): Promise<{ app: TestApp; store: SickStore }> {
  const app = await openTestApp(adapter, {
    ...options,
    controllers: [DevicesController, ...(options.controllers ?? [])],
    session: { store, ...session },
  });
  return { app, store };
}

export async function openStoredNodes(
  adapter: AdapterName,
  session: Partial<SessionJwtModuleOptions> = {},
  options: TestAppOptions = {},
): Promise<StoredNodes> {
  const clock = new TestSessionClock();
  const store = new SickStore();
  const open = () =>
    openStoredNode(adapter, session, { ...options, clock }, store);
  const [{ app: a }, { app: b }] = [await open(), await open()];
  return { a, b, store, clock };
}
