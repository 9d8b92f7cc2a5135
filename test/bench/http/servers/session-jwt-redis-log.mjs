import { Redis } from 'ioredis';
import {
  RedisRevocationLog,
  RedisSessionStore,
} from '../../../../dist/stores/redis/index.js';
import { REDIS_PORT } from '../app.mjs';
import { serveSessions } from '../sessions.mjs';

const client = new Redis(REDIS_PORT, '127.0.0.1');

await serveSessions({
  transport: 'header',
  store: new RedisSessionStore({ client }),
  storeTimeout: '5s',
  revocations: new RedisRevocationLog({ client }),
});
