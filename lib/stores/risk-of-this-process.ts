import cluster from 'node:cluster';

/** Returns why sessions must not live in the memory of this process, if there is a reason. */
export function riskOfThisProcess(): string | undefined {
  if (cluster.isWorker || process.env['NODE_APP_INSTANCE'] !== undefined) {
    return "runs in one process of several, which do not know each other's sessions";
  }
  return process.env['NODE_ENV'] === 'production'
    ? 'loses every session at a restart (NODE_ENV=production)'
    : undefined;
}
