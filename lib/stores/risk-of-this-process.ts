import cluster from 'node:cluster';

/**
 * Returns why something must not live in the memory of this process, if there is a reason.
 *
 * @param what 'session' or 'revocation'
 */
export function riskOfThisProcess(what: string): string | undefined {
  if (cluster.isWorker || process.env['NODE_APP_INSTANCE'] !== undefined) {
    return `runs in one process of several, which do not know each other's ${what}s`;
  }
  return process.env['NODE_ENV'] === 'production'
    ? `loses every ${what} at a restart (NODE_ENV=production)`
    : undefined;
}
