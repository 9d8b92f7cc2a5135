import { once } from 'node:events';
import { gzipSync } from 'node:zlib';
import { publishedKeys } from '../../lib/keys/jwk-set.js';
import { KeyRing } from '../../lib/keys/key-ring.js';
import { keysOfPairs } from '../../lib/keys/key-set.js';
import { remoteKeys } from '../../lib/keys/remote-keys.js';
import type { SessionKeyAlgorithm } from '../../lib/options/key-options.js';
import type { ResolvedKey } from '../../lib/options/resolved-options.js';
import { TestSessionClock } from '../../lib/testing/test-session-clock.js';
import { keyPairs } from '../support/key-pairs.js';
import { UnhandledErrors } from '../support/unhandled.js';
import { answerWith, startKeyServer, type KeyServer } from './key-server.js';

/** In seconds: on the slowest of machines only what hangs takes so long. */
const TIMEOUT = 60;

const setOf = (...algorithms: SessionKeyAlgorithm[]) =>
  publishedKeys(
    algorithms.map((algorithm): ResolvedKey => ({
      algorithm,
      ...keyPairs[algorithm],
      state: 'retiring',
      endsAt: Infinity,
    })),
    0,
  );

const unhandled = new UnhandledErrors();
let server: KeyServer;
beforeAll(() => unhandled.start());
afterAll(() => unhandled.stop());
beforeEach(async () => {
  server = await startKeyServer();
});
afterEach(async () => {
  await server.close();
  expect(await unhandled.settled()).toEqual([]);
});

/** The algorithms of the keys that a server gives. */
async function load(
  uri = server.uri,
  signal = AbortSignal.timeout(TIMEOUT * 1000),
): Promise<string[]> {
  const { keys, secrets } = await remoteKeys(uri)(signal);
  expect(secrets).toEqual([]);
  return keys.map(({ algorithm }) => algorithm);
}

describe('the keys of another server', () => {
  it('are those of its set, asked for with one GET at exactly that address', async () => {
    server.answer = answerWith(setOf('ES256', 'EdDSA', 'RS256', 'PS256'));
    expect(await load()).toEqual(['ES256', 'EdDSA', 'RS256', 'PS256']);
    expect(server.requests.map(({ method, url }) => [method, url])).toEqual([
      ['GET', '/.well-known/jwks.json?tenant=1'],
    ]);
  });

  it('are not asked for before somebody needs them', async () => {
    remoteKeys(server.uri);
    expect(server.requests).toEqual([]);
  });

  it.each([
    ['application/jwk-set+json'],
    ['application/json; charset=utf-8'],
    ['text/plain'],
  ])('may be sent as %s', async (type) => {
    server.answer = answerWith(setOf('ES256'), 200, { 'Content-Type': type });
    expect(await load()).toEqual(['ES256']);
  });

  it('are replaced as a whole by each load, however long the server lets its answer be kept (V-44)', async () => {
    const source = remoteKeys(server.uri);
    const { signal } = new AbortController();
    const forever = { 'Cache-Control': 'public, max-age=31536000' };
    server.answer = answerWith(setOf('ES256', 'EdDSA'), 200, forever);
    expect((await source(signal)).keys).toHaveLength(2);
    server.answer = answerWith(setOf('EdDSA', 'RS256'), 200, forever);
    expect(
      (await source(signal)).keys.map(({ algorithm }) => algorithm),
    ).toEqual(['EdDSA', 'RS256']);
    expect(server.requests).toHaveLength(2);
  });

  it('are separate: two servers share nothing (V-44)', async () => {
    const other = await startKeyServer();
    server.answer = answerWith(setOf('ES256'));
    other.answer = answerWith(setOf('EdDSA'));
    expect([await load(), await load(other.uri)]).toEqual([
      ['ES256'],
      ['EdDSA'],
    ]);
    await other.close();
  });

  it.each([
    [100, true],
    [101, false],
  ])('may be %i: %p', async (count, areLoaded) => {
    const [jwk] = setOf('ES256').keys;
    const others = Array.from({ length: count - 1 }, (_, i) => ({
      ...jwk,
      use: 'enc',
      kid: `${i}`,
    }));
    server.answer = answerWith({ keys: [jwk, ...others] });
    const loaded = await load().catch((error: Error) => error.message);
    expect(loaded).toEqual(
      areLoaded ? ['ES256'] : 'the key set has more than 100 keys',
    );
  });
});

describe('a server that does not give its keys', () => {
  it.each([301, 302, 303, 307, 308])(
    'is refused with a redirect %i, which is not followed',
    async (status) => {
      const elsewhere = await startKeyServer();
      elsewhere.answer = answerWith(setOf('ES256'));
      server.answer = answerWith(setOf('ES256'), status, {
        Location: elsewhere.uri.href,
      });
      const failure = `got the redirect ${status}; set jwksUri to the final`;
      await expect(load()).rejects.toThrow(failure);
      expect(elsewhere.requests).toEqual([]);
      await elsewhere.close();
    },
  );

  it('is refused with a redirect to itself, which is not followed either', async () => {
    server.answer = ({ url }, response) => {
      response.writeHead(302, { Location: `${url}/keys` }).end();
    };
    await expect(load()).rejects.toThrow('got the redirect 302');
    expect(server.requests).toHaveLength(1);
  });

  /** A set of so many bytes, with blanks behind it. */
  const ofBytes = (bytes: number) =>
    JSON.stringify(setOf('ES256')).padEnd(bytes);
  const TOO_LARGE = 'expected a key set of at most 1000000 bytes, got more';

  it.each<[what: string, headers: Record<string, string>]>([
    ['its length', {}],
    ['chunks', { 'Transfer-Encoding': 'chunked' }],
  ])(
    'may send a megabyte and not a byte more, with %s',
    async (_what, headers) => {
      server.answer = answerWith(ofBytes(1_000_000), 200, headers);
      expect(await load()).toEqual(['ES256']);
      server.answer = answerWith(ofBytes(1_000_001), 200, headers);
      await expect(load()).rejects.toThrow(TOO_LARGE);
    },
  );

  it('is refused for the length that it announces, before a byte of it came', async () => {
    const closings: Promise<unknown>[] = [];
    server.answer = (_, response) => {
      closings.push(once(response, 'close'));
      response.writeHead(200, { 'Content-Length': 1_000_001 }).flushHeaders();
    };
    await expect(load()).rejects.toThrow(TOO_LARGE);
    await Promise.all(closings);
  });

  const BLANKS = Buffer.alloc(65_536, ' ');
  const chunkOf = (part: Buffer) =>
    Buffer.concat([
      Buffer.from(`${part.length.toString(16)}\r\n`),
      part,
      Buffer.from('\r\n'),
    ]);

  it.each<[what: string, headers: Record<string, string>, part: Buffer]>([
    ['in large parts', {}, chunkOf(BLANKS)],
    ['a byte at a time', {}, Buffer.from('1\r\n \r\n'.repeat(10_000))],
    [
      'compressed',
      { 'Content-Encoding': 'gzip' },
      chunkOf(gzipSync(Buffer.alloc(50_000_000, ' '))),
    ],
    ['with a status of failure', { status: '404' }, chunkOf(BLANKS)],
    ['as a redirect', { status: '302', Location: '/' }, chunkOf(BLANKS)],
  ])(
    'is hung up on when it sends %s and without an end (A-015)',
    async (_what, { status = '200', ...headers }, part) => {
      let sent = 0;
      const closings: Promise<unknown>[] = [];
      server.answer = ({ socket }, response) => {
        closings.push(once(response, 'close'));
        response.writeHead(Number(status), {
          ...headers,
          'Transfer-Encoding': 'chunked',
        });
        response.flushHeaders();
        const send = (): void => {
          if (!socket.destroyed) {
            sent += part.length;
            if (socket.write(part)) setImmediate(send);
          }
        };
        socket.on('drain', send);
        send();
      };
      await expect(load()).rejects.toThrow(
        { 200: TOO_LARGE, 404: 'got 404', 302: 'got the redirect' }[status],
      );
      await Promise.all(closings);
      // A megabyte, and what two sockets had in their buffers.
      expect(sent).toBeLessThan(20_000_000);
    },
  );

  it.each([201, 203, 206, 400, 401, 403, 404, 410, 429, 500, 502, 503])(
    'is refused with the status %i, whatever comes with it',
    async (status) => {
      server.answer = answerWith(setOf('ES256'), status);
      await expect(load()).rejects.toThrow();
    },
  );

  it.each<[what: string, body: unknown]>([
    ['nothing', ''],
    ['HTML', '<!doctype html><title>Sign in</title>'],
    ['JSON that is cut off', JSON.stringify(setOf('ES256')).slice(0, -2)],
    ['JSON with a second text', `${JSON.stringify(setOf('ES256'))}{}`],
    ['PEM', keyPairs.ES256.publicKey.export({ type: 'spki', format: 'pem' })],
    ['null', 'null'],
    ['a number', 5],
    ['a list of keys', setOf('ES256').keys],
    ['one key', setOf('ES256').keys[0]],
    ['an object without keys', { issuer: 'https://a.example' }],
    ['keys that are none', { keys: ['ES256'] }],
    ['no key', { keys: [] }],
    [
      'a key without an algorithm (V-19)',
      { keys: [{ ...setOf('ES256').keys[0], alg: undefined }] },
    ],
    [
      'a private key (A-167)',
      {
        keys: [
          {
            ...keyPairs.ES256.privateKey.export({ format: 'jwk' }),
            alg: 'ES256',
          },
        ],
      },
    ],
    [
      'a secret (S-110)',
      { keys: [...setOf('ES256').keys, { kty: 'oct', k: 'AAAA' }] },
    ],
    [
      'one kid twice (S-040)',
      { keys: [...setOf('ES256').keys, ...setOf('ES256').keys] },
    ],
  ])('is refused with %s as the answer', async (_what, body) => {
    server.answer = answerWith(body);
    await expect(load()).rejects.toThrow();
    expect(server.requests).toHaveLength(1);
  });

  it.each<[how: string, answer: KeyServer['answer']]>([
    ['does not answer at all', () => {}],
    [
      'sends its head and no body',
      (_, response) => {
        response.writeHead(200).flushHeaders();
      },
    ],
    [
      'sends its body a byte at a time, and never the last',
      (_, response) => {
        response.write('{"keys":[');
        const timer = setInterval(() => response.write(' '), 5);
        response.on('close', () => clearInterval(timer));
      },
    ],
  ])('is given up at the deadline when it %s (A-015)', async (_how, answer) => {
    const deadline = new AbortController();
    const passed = new Error('the deadline has passed');
    const closed = new Promise((resolve) => {
      server.answer = (request, response) => {
        response.on('close', resolve);
        answer(request, response);
        // When the client has what has been sent.
        setImmediate(() => deadline.abort(passed));
      };
    });
    await expect(load(server.uri, deadline.signal)).rejects.toThrow();
    // The connection is not left open either.
    await closed;
  });

  it('is refused when it breaks the connection, or nobody listens', async () => {
    server.answer = ({ socket }) => socket.destroy();
    await expect(load()).rejects.toThrow();
    const gone = await startKeyServer();
    await gone.close();
    await expect(load(gone.uri)).rejects.toThrow();
  });

  it('is reported without the keys that it sent by mistake (A-167)', async () => {
    const jwk = keyPairs.RS256.privateKey.export({ format: 'jwk' });
    server.answer = answerWith({ keys: [{ ...jwk, alg: 'RS256' }] });
    let shown = '';
    try {
      await load();
    } catch (error) {
      const { message, stack, cause } = error as Error;
      shown = [message, stack, JSON.stringify(cause)].join('\n');
    }
    expect(shown).toContain('the key set contains a secret or private key');
    expect(shown).not.toContain(jwk.d!.slice(0, 8));
    expect(shown).not.toContain(jwk.n!.slice(0, 8));
  });

  it('is reported without the text of an answer that is not JSON (A-167)', async () => {
    const pem = keyPairs.ES256.privateKey.export({
      type: 'pkcs8',
      format: 'pem',
    });
    server.answer = answerWith(pem);
    await expect(load()).rejects.toEqual(
      new TypeError('jwksUri: expected a JSON Web Key set, got invalid JSON'),
    );
  });
});

describe('a ring of remote keys', () => {
  async function openRing() {
    const clock = new TestSessionClock();
    const failures: unknown[] = [];
    const ring = new KeyRing({
      fixed: { secrets: [], keys: [] },
      source: remoteKeys(server.uri),
      clock,
      cache: {
        maxAgeSeconds: 300,
        coolDownSeconds: 30,
        timeoutSeconds: TIMEOUT,
      },
      onFailure: (error) => failures.push(error),
    });
    const slot = ring.slot(({ keys }, now) => keysOfPairs(keys, now));
    const knows = (algorithm: SessionKeyAlgorithm) =>
      slot.current.find(setOf(algorithm).keys[0]!.kid) !== undefined;
    return { ring, slot, clock, failures, knows };
  }

  it('calls the server at most once per cool-down for 10,000 unknown kids (A-181)', async () => {
    server.answer = answerWith(setOf('ES256'));
    const { ring, slot, clock } = await openRing();
    await ring.ready();
    const before = server.requests.length;
    for (let i = 0; i < 10_000; i += 1) {
      if (!slot.current.find(`forged-${i}`)) {
        await slot.learn();
      }
    }
    expect(server.requests.length - before).toBe(1);
    clock.advance(30);
    await Promise.all(Array.from({ length: 10_000 }, async () => slot.learn()));
    expect(server.requests.length - before).toBe(2);
  });

  it('finds a new key immediately, and refuses a removed one after the max age (A-012, V-44)', async () => {
    server.answer = answerWith(setOf('ES256'));
    const { ring, clock, knows } = await openRing();
    await ring.ready();
    server.answer = answerWith(setOf('ES256', 'EdDSA'));
    await ring.learn();
    expect([knows('ES256'), knows('EdDSA')]).toEqual([true, true]);
    server.answer = answerWith(setOf('EdDSA'));
    clock.advance(300);
    await ring.ready();
    expect([knows('ES256'), knows('EdDSA')]).toEqual([false, true]);
  });

  it('keeps its keys while the server is down or returns untrustworthy ones (V-08)', async () => {
    server.answer = answerWith(setOf('ES256'));
    const { ring, failures, knows } = await openRing();
    await ring.ready();
    for (const answer of [
      answerWith('', 500),
      answerWith({ keys: [] }),
      answerWith({ keys: [{ kty: 'oct', k: '', alg: 'HS256' }] }),
    ]) {
      server.answer = answer;
      await expect(ring.reload()).rejects.toMatchObject({
        code: 'KEYS_UNAVAILABLE',
      });
      expect(knows('ES256')).toBe(true);
    }
    expect(failures).toHaveLength(3);
  });
});
