import { SessionConfigError } from '../../lib/errors/session-config-error.js';
import { MemorySessionStore } from '../../lib/stores/memory-session-store.js';
import { openRuntime } from './session-runtime.js';

describe('a page of sessions', () => {
  async function open() {
    const { revocation, issuing } = await openRuntime({
      store: new MemorySessionStore(),
      refreshToken: {},
    });
    for (let i = 0; i < 3; i += 1) {
      await issuing!.issuer.generate('ada', {}, undefined);
    }
    return revocation;
  }

  it.each([0, -1, 1.5, 1_001, NaN, Infinity, '10'])(
    'has from 1 to 1,000 sessions, not %p',
    async (limit) => {
      const revocation = await open();
      await expect(
        (async () => revocation.list('ada', { limit: limit as number }))(),
      ).rejects.toBeInstanceOf(SessionConfigError);
    },
  );

  it.each([
    [1, 1],
    [2, 2],
    [1_000, 3],
    [undefined, 3],
  ])('has as many as asked for: limit %p, %i', async (limit, count) => {
    const revocation = await open();
    const page = await revocation.list('ada', limit ? { limit } : {});
    expect(page).toHaveLength(count);
  });
});
