/** Prints what the entry points of the built package export, as an application sees it. */
import 'reflect-metadata';
import { readFileSync } from 'node:fs';

const { name, exports } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
);
const entries = Object.keys(exports).filter((path) => exports[path].default);
const modules = Object.fromEntries(
  await Promise.all(
    entries.map(async (path) => [path, await import(name + path.slice(1))]),
  ),
);
const values = Object.values(modules).flatMap((each) => Object.entries(each));
const { SessionStore, RevocationLog, SessionClock, SessionHealth } =
  modules['.'];
const isOf = (type, parent) => type.prototype instanceof parent;

console.log(
  JSON.stringify({
    entries: entries.length,
    misnamed: values
      .filter(
        ([key, value]) => typeof value === 'function' && value.name !== key,
      )
      .map(([key, value]) => `${key}: ${value.name}`),
    stores: [
      modules['./redis'].RedisSessionStore,
      modules['./postgres'].PostgresSessionStore,
    ].map((type) => isOf(type, SessionStore)),
    logs: [
      modules['./redis'].RedisRevocationLog,
      modules['./postgres'].PostgresRevocationLog,
    ].map((type) => isOf(type, RevocationLog)),
    clock: isOf(modules['./testing'].TestSessionClock, SessionClock),
    injected: Reflect.getMetadata(
      'design:paramtypes',
      modules['./terminus'].SessionHealthIndicator,
    ).includes(SessionHealth),
  }),
);
