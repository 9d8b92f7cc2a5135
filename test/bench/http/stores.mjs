/** Starts the stores that variants need on this machine, as the tests do. */
import { register } from 'node:module';

register('../../runner/typescript-hooks.mjs', import.meta.url);

/** Returns the servers' environment and a function that stops the stores. */
export async function startStores(variants) {
  const needs = new Set(variants.map((variant) => variant.needs));
  const started = [];
  const env = {};
  if (needs.has('redis')) {
    const { startRedis } = await import('../../support/redis-server.ts');
    const redis = await startRedis();
    started.push(redis);
    env.REDIS_PORT = redis.port;
  }
  if (needs.has('postgres')) {
    const { startPostgres } = await import('../../support/postgres-server.ts');
    const postgres = await startPostgres();
    started.push(postgres);
    env.POSTGRES_PORT = postgres.port;
  }
  return {
    env,
    stop: () => Promise.all(started.map((store) => store.stop())),
  };
}
