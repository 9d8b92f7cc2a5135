import type { RedisSessionStore } from '../../../lib/stores/redis/index.js';
import { LIFETIME, newId, newRecord, presentedOf } from './records.js';

/** Every operation once, each by a name. */
export function operations(
  store: RedisSessionStore,
): Record<string, () => Promise<unknown>> {
  const record = newRecord();
  const { id, subject } = record;
  const limit = { max: 9, policy: 'end-oldest' } as const;
  return {
    create: () => store.create(record),
    'create with a limit and a session that it replaces': () =>
      store.create(newRecord(), { limit, replaces: newId() }),
    read: () => store.read(id, subject),
    'read of one in use': () => store.read(id, subject, 'seen'),
    rotate: () => store.rotate(id, subject, presentedOf(0)),
    update: () =>
      store.update(id, subject, {
        attributes: { a: 1, b: null },
        data: { value: 1, loadedAt: 1 },
        extend: LIFETIME,
      }),
    bind: () => store.bind(id, subject, 'key'),
    list: () => store.list(subject),
    end: () => store.end(id, subject),
    endAll: () => store.endAll(subject),
  };
}
