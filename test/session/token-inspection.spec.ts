import { jest } from '@jest/globals';
import type { SessionJwtModuleOptions } from '../../lib/options/session-jwt-module-options.js';
import { MemorySessionStore } from '../../lib/stores/memory-session-store.js';
import { keyOf, withoutSecret } from '../support/key-kinds.js';
import { OTHER_SECRET, SECRET } from '../support/secrets.js';
import { Vault } from '../support/vault.js';
import { openRuntime } from './session-runtime.js';

async function open(
  options: Partial<SessionJwtModuleOptions> = {},
  data: () => object = () => ({}),
) {
  const load = jest.fn(data);
  const runtime = await openRuntime(options, load);
  const signIn = async () => {
    const signed = await runtime.issuing!.issuer.generate('ada', {}, undefined);
    load.mockClear();
    runtime.heard.length = 0;
    return signed;
  };
  const inspect = (token: string) => runtime.inspection.inspect(token);
  return { ...runtime, load, signIn, inspect };
}

describe('the inspection of a token', () => {
  it('returns its session, and does nothing else', async () => {
    const { inspect, signIn, heard, load } = await open();
    const { token, session } = await signIn();
    expect(await inspect(token)).toMatchObject({
      kind: 'authenticated',
      claims: session.claims,
      dispatch: undefined,
    });
    expect(heard).toEqual([]);
    expect(load).not.toHaveBeenCalled();
  });

  it('refuses what is no token', async () => {
    const { inspect, heard } = await open();
    expect(await inspect('x')).toBe('malformed');
    expect(heard).toEqual([]);
  });

  it.each(['validFrom', 'endsAt'] as const)(
    'heeds the clock to the second: %s',
    async (bound) => {
      const { inspect, signIn, clock } = await open();
      const { token, session } = await signIn();
      const valid = { kind: 'authenticated' };
      clock.set(session[bound] - 1);
      const before = await inspect(token);
      clock.set(session[bound]);
      const after = await inspect(token);
      if (bound === 'validFrom') {
        expect(before).toBe('not-yet-valid');
        expect(after).toMatchObject(valid);
      } else {
        expect(before).toMatchObject(valid);
        expect(after).toBe('expired');
      }
    },
  );

  it('refuses a session that has ended in this process', async () => {
    const { inspect, signIn, revocation } = await open();
    const { token, session } = await signIn();
    await revocation.end(session.claims);
    expect(await inspect(token)).toBe('ended');
  });

  it('returns a session whose data is stale, and loads nothing', async () => {
    const { inspect, signIn, clock, load } = await open();
    const { token, session } = await signIn();
    clock.set(session.staleUntil + 1);
    expect(await inspect(token)).toMatchObject({ claims: session.claims });
    expect(load).not.toHaveBeenCalled();
  });

  it.each([
    [-1, { kind: 'authenticated' }],
    [0, 'stale'],
    [1, 'stale'],
  ])(
    'refuses stale data where nothing can be loaded, at that time and %i s',
    async (seconds, expected) => {
      const { signIn } = await open();
      const { token, session } = await signIn();
      const { inspect, clock } = await open({ verifyOnly: true });
      clock.set(session.staleUntil + seconds);
      const outcome = await inspect(token);
      expect(
        typeof outcome === 'string' ? outcome : { kind: outcome.kind },
      ).toEqual(expected);
    },
  );

  it('does not ask a store that holds no data', async () => {
    const store = new MemorySessionStore();
    const { inspect, signIn } = await open({ store });
    const { token, session } = await signIn();
    await store.end(session.claims.sid, 'ada');
    const read = jest.spyOn(store, 'read');
    expect(await inspect(token)).toMatchObject({ claims: session.claims });
    expect(read).not.toHaveBeenCalled();
  });
});

describe('the inspection of a token that is a reference', () => {
  async function openStored() {
    const store = new MemorySessionStore();
    const opened = await open({ store, keepDataIn: 'store' }, () => ({
      role: 'owner',
    }));
    const { token, session } = await opened.signIn();
    const read = jest.spyOn(store, 'read');
    return { ...opened, store, token, session, sid: session.claims.sid, read };
  }

  it('returns what the store holds, and notes the use', async () => {
    const { inspect, store, token, sid, load, read } = await openStored();
    await store.update(sid, 'ada', { attributes: { theme: 'dark' } });
    expect(await inspect(token)).toMatchObject({
      claims: { sid, data: { role: 'owner' }, attrs: { theme: 'dark' } },
    });
    expect(read.mock.calls).toEqual([[sid, 'ada', 'seen', undefined]]);
    expect(load).not.toHaveBeenCalled();
  });

  it('refuses a session that the store does not have', async () => {
    const { inspect, store, token, sid } = await openStored();
    await store.end(sid, 'ada');
    expect(await inspect(token)).toBe('unknown');
  });

  it('does not ask about a session that is refused anyway', async () => {
    const { inspect, token, session, revocation, read } = await openStored();
    await revocation.end(session.claims);
    expect(await inspect(token)).toBe('ended');
    expect(await inspect('x')).toBe('malformed');
    expect(read).not.toHaveBeenCalled();
  });

  it('fails with the store', async () => {
    const { inspect, token, read } = await openStored();
    read.mockRejectedValueOnce(new Error('down'));
    await expect(inspect(token)).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
    });
  });
});

describe('the inspection of a token under other keys', () => {
  const foreign = async (options: Partial<SessionJwtModuleOptions>) =>
    (await (await open(options)).signIn()).token;

  it('refuses an unknown key', async () => {
    const { inspect } = await open();
    expect(await inspect(await foreign({ secret: OTHER_SECRET }))).toBe(
      'unknown-key',
    );
  });

  it('looks for an unknown key first, at most once per cool-down', async () => {
    const vault = new Vault<string[]>([SECRET]);
    const { inspect, clock } = await open({ secret: vault.provide });
    const token = await foreign({ secret: OTHER_SECRET });
    expect(await inspect(token)).toBe('unknown-key');
    expect(vault.asked).toBe(2);
    vault.content = [SECRET, OTHER_SECRET];
    expect(await inspect(token)).toBe('unknown-key');
    clock.advance('30s');
    expect(await inspect(token)).toMatchObject({ kind: 'authenticated' });
    expect(vault.asked).toBe(3);
    expect(await inspect(token)).toMatchObject({ kind: 'authenticated' });
    expect(vault.asked).toBe(3);
  });

  it('waits for keys that are due: a removed one is not used once more', async () => {
    const vault = new Vault<string[]>([SECRET]);
    const { inspect, signIn, clock } = await open({ secret: vault.provide });
    const { token } = await signIn();
    vault.content = [OTHER_SECRET];
    clock.advance('5m');
    expect(await inspect(token)).toBe('unknown-key');
  });

  it('fails while there is no key at all', async () => {
    const { inspect } = await open(
      withoutSecret({
        verifyOnly: { jwksUri: 'http://127.0.0.1:1/jwks.json' },
      }),
    );
    const token = await foreign(withoutSecret({ keys: [keyOf('ES256')] }));
    await expect(inspect(token)).rejects.toMatchObject({
      code: 'KEYS_UNAVAILABLE',
      retryAfterSeconds: 1,
    });
    expect(await inspect('x')).toBe('malformed');
  });
});
