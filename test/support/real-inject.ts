import { runInThisContext } from 'node:vm';

/**
 * Lets `app.inject` of Fastify work in specs: what is behind it requires an ES module, which Node does and
 * Jest does not on Node 20, so it is loaded by Node.
 */
const realProcess = runInThisContext('process') as NodeJS.Process;
const mainModule = realProcess.mainModule!;

import.meta.jest.mock('light-my-request', (): unknown =>
  mainModule.require('light-my-request'),
);
