/**
 * Sessions, a clock, clients and devices for the tests of your application, and the contracts of custom stores and
 * revocation logs as test suites.
 *
 * @module nestjs-session-jwt/testing
 */
export {
  connectTestClient,
  type SocketIoTestClientOptions,
  type TestClientOptions,
  type WsTestClientOptions,
} from './connect-test-client.js';
export {
  createTestSession,
  type TestSession,
  type TestSessionOverrides,
} from './create-test-session.js';
export type { ContractSuiteOptions, TestRunner } from './contract-suite.js';
export { describeRevocationLog } from './describe-revocation-log.js';
export { describeSessionStore } from './describe-session-store.js';
export type { RevocationLogFixture } from './log-contract/fixture.js';
export type { LogAbility } from './log-contract/follower.js';
export type { SessionStoreFixture } from './store-contract/fixture.js';
export type { StoreAbility } from './store-contract/scenario.js';
export type { TestClient } from './test-client.js';
export {
  TestDevice,
  type DeviceResponse,
  type DeviceSend,
} from './test-device.js';
export { TestSessionClock } from './test-session-clock.js';
