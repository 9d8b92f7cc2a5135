export {
  createTestSession,
  type TestSession,
  type TestSessionOverrides,
} from './create-test-session.js';
export { TestSessionClock } from './test-session-clock.js';
