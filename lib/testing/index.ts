export {
  createTestSession,
  type TestSession,
  type TestSessionOverrides,
} from './create-test-session.js';
export {
  describeSessionStore,
  type TestRunner,
} from './describe-session-store.js';
export type { SessionStoreFixture } from './store-contract/fixture.js';
export { TestSessionClock } from './test-session-clock.js';
