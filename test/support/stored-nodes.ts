import type { SessionJwtModuleOptions } from '../../lib/index.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { DevicesController } from './devices.js';
import { openTestApp } from './opened-apps.js';
import { SickStore } from './sick-store.js';
import type { AdapterName, TestApp, TestAppOptions } from './test-app.js';

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
