import {
  RedisRevocationLog,
  RedisSessionStore,
  type RedisClient,
} from '../../../lib/stores/redis/index.js';

describe('a faulty option of RedisSessionStore', () => {
  const client: RedisClient = {
    evalsha: () => Promise.resolve(),
    eval: () => Promise.resolve(),
    pipeline: () => ({ exec: () => Promise.resolve([]) }),
  };

  it.each([
    ['client', { client: undefined as never }],
    ['client', { client: {} as never }],
    ['client', { client: { ...client, evalsha: 1 } as never }],
    ['prefix', { client, prefix: '' }],
    ['prefix', { client, prefix: 'a b' }],
    ['prefix', { client, prefix: '{a}' }],
    ['prefix', { client, prefix: 'a}' }],
    ['prefix', { client, prefix: 'ä' }],
    ['prefix', { client, prefix: 'a'.repeat(65) }],
    ['prefix', { client, prefix: 1 as never }],
    ['count', { client, waitForReplicas: { count: 0 } }],
    ['count', { client, waitForReplicas: { count: 1.5 } }],
    ['count', { client, waitForReplicas: { count: '1' as never } }],
    ['timeout', { client, waitForReplicas: { count: 1, timeout: 0 } }],
    ['timeout', { client, waitForReplicas: { count: 1, timeout: '100' } }],
  ])('stops the start: %s (%#)', (name, options) => {
    expect(() => new RedisSessionStore(options)).toThrow(
      expect.objectContaining({
        name: 'SessionConfigError',
        faults: [
          expect.stringMatching(new RegExp(`RedisSessionStore: .*${name}`)),
        ],
      }),
    );
  });

  it('is named beside every other', () => {
    const options = {
      client: {} as never,
      prefix: '',
      waitForReplicas: { count: 0, timeout: 0 },
    };
    expect(() => new RedisSessionStore(options)).toThrow(
      expect.objectContaining({
        faults: ['client', 'prefix', 'count', 'timeout'].map((name) =>
          expect.stringContaining(name),
        ),
      }),
    );
  });

  it('is none of these', () => {
    for (const prefix of ['a', 'app:session:', 'x'.repeat(64), '~!|z']) {
      const waitForReplicas = { count: 2, timeout: 0.05 };
      expect(
        () => new RedisSessionStore({ client, prefix, waitForReplicas }),
      ).not.toThrow();
    }
  });
});

describe('a faulty option of RedisRevocationLog', () => {
  const client: RedisClient = {
    evalsha: () => Promise.resolve(),
    eval: () => Promise.resolve(),
    pipeline: () => ({ exec: () => Promise.resolve([]) }),
  };
  const createFollower = (): RedisClient => client;

  it.each([
    ['client', { client: {} as never, createFollower }],
    ['prefix', { client, createFollower, prefix: '{a}' }],
    ['count', { client, createFollower, waitForReplicas: { count: 0 } }],
    ['createFollower', { client }],
    ['createFollower', { client, createFollower: client as never }],
  ])('stops the start: %s (%#)', (name, options) => {
    expect(() => new RedisRevocationLog(options)).toThrow(
      expect.objectContaining({
        name: 'SessionConfigError',
        faults: [
          expect.stringMatching(
            new RegExp(`revocations: RedisRevocationLog: .*${name}`),
          ),
        ],
      }),
    );
  });
});
