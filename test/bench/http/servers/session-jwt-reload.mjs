/** Every request is due for a reload: its data is old, and without a cache no earlier reload is known. */
import { setTimeout } from 'node:timers/promises';
import { serveSessions } from '../sessions.mjs';

await serveSessions(
  { dataRefreshInterval: '1s', cache: false },
  { settle: () => setTimeout(2_000) },
);
