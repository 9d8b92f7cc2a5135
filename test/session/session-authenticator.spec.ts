import { SessionError } from '../../lib/errors/session-error.js';
import { MemorySessionStore } from '../../lib/stores/memory-session-store.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { HANDLING, openRuntime, withBearer } from './session-runtime.js';

/** A clock that a test can break, as a fault of the library would be. */
class BreakableClock extends TestSessionClock {
  fault: Error | undefined;

  override nowSeconds(): number {
    if (this.fault) throw this.fault;
    return super.nowSeconds();
  }
}

describe('a session that the store must confirm', () => {
  async function open() {
    const clock = new BreakableClock();
    const store = new MemorySessionStore();
    const { authenticator, issuing } = await openRuntime(
      { store, revocationCheck: 'always', transport: 'header' },
      undefined,
      clock,
    );
    const { token } = await issuing!.issuer.generate('ada', {}, undefined);
    const authenticate = () =>
      authenticator.authenticate(withBearer(token), {
        ...HANDLING,
        asksStore: true,
      });
    return { clock, store, authenticate };
  }

  it('is unavailable while the store fails', async () => {
    const { store, authenticate } = await open();
    expect(await authenticate()).toMatchObject({ kind: 'authenticated' });
    store.read = () => Promise.reject(new Error('down'));
    expect(await authenticate()).toMatchObject({
      kind: 'unavailable',
      error: expect.any(SessionError),
    });
  });

  it('is not unavailable where the library itself is at fault', async () => {
    const { clock, store, authenticate } = await open();
    const fault = new TypeError('a fault of ours');
    const read = store.read.bind(store);
    store.read = async (...call) => {
      const answer = await read(...call);
      clock.fault = fault;
      return answer;
    };
    await expect(authenticate()).rejects.toBe(fault);
  });
});
