import cluster from 'node:cluster';

/** Why sessions do not belong into the memory of this process, if that is so. */
export function riskOfThisProcess(): string | undefined {
  if (cluster.isWorker || process.env['NODE_APP_INSTANCE'] !== undefined) {
    return "is in one process of several, which do not know each other's sessions";
  }
  return process.env['NODE_ENV'] === 'production'
    ? 'forgets every session at a restart (NODE_ENV=production)'
    : undefined;
}
