import { createECDH, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { atFullEffort } from '../support/at-full-effort.js';
import { platforms, rounds } from '../support/effort.js';
import { printFigures } from '../support/figures.js';
import { forgeSigned, forgeToken } from '../support/forged-token.js';
import { newKeyPair } from '../support/key-pairs.js';
import { claimsIn, headerIn } from '../support/session-claims.js';
import { curlRequestOf, transcriptOf, wordsOf } from './curl-transcript.js';
import {
  runSample,
  sampleEnds,
  SampleHost,
  serveSample,
} from './sample-process.js';
import type { ClockedSampleProcess, SampleProcess } from './sample-process.js';

const AUTH = '04-auth-and-resource-server/auth-server';
const RESOURCE = '04-auth-and-resource-server/resource-server';
const README = new URL(
  '../../sample/04-auth-and-resource-server/README.md',
  import.meta.url,
);
const JWKS = '/.well-known/jwks.json';
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** How often the keys are rotated under load. */
const ROTATIONS = rounds(5, 2);

/** The times that the README tells to start with. */
const ACCESS_SECONDS = 20;
const KEY_SECONDS = 3;

interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: any;
}

interface Jwk {
  readonly kid: string;
  readonly x: string;
}

describe.each(platforms('express'))(
  'the auth server and the resource server on %s',
  (adapter) => {
    let hosts: [auth: SampleHost, resource: SampleHost];
    let auth: ClockedSampleProcess;
    let resource: ClockedSampleProcess;
    let operatorKey: string;
    let secret: string;
    /** Everything that an answer said. */
    let answers: string[];
    let tokens: Set<string>;
    let publicKeys: Set<string>;

    beforeAll(() => {
      hosts = [new SampleHost(AUTH), new SampleHost(RESOURCE)];
    });

    afterAll(async () => {
      await Promise.all(hosts.map((host) => host.stop()));
    });

    beforeEach(async () => {
      const environments = environmentsOf(await readme());
      operatorKey = environments.auth['OPERATOR_KEY']!;
      secret = randomBytes(32).toString('base64url');
      answers = [];
      tokens = new Set();
      publicKeys = new Set();
      auth = await hosts[0].serve({
        ...environments.auth,
        ADAPTER: adapter,
        SESSION_SECRET: secret,
      });
      resource = await hosts[1].serve({
        ...environments.resource,
        ADAPTER: adapter,
        JWKS_URI: auth.url + JWKS,
      });
      await synchronize(resource);
      await jwks();
    });

    afterEach(async () => {
      await Promise.all([auth?.stop(), resource?.stop()]);
      const logs = auth.output() + resource.output();
      const printed = [secret, operatorKey, ...tokens].filter((each) =>
        logs.includes(each),
      );
      expect(printed.length).toBe(0);
      const everything = `${logs}\n${answers.join('\n')}`;
      expect(everything.includes(secret)).toBe(false);
      expect(publicKeys.size).toBeGreaterThan(0);
      expect(revealsPrivateKey(everything, publicKeys)).toBe(false);
    });

    async function ask(url: string, init: RequestInit = {}): Promise<Answer> {
      const response = await fetch(url, init);
      const text = await response.text();
      answers.push(text);
      const json = text === '' ? undefined : JSON.parse(text);
      for (const name of ['token', 'refreshToken']) {
        if (json?.[name]) tokens.add(json[name]);
      }
      for (const { x } of json?.keys ?? []) {
        if (x) publicKeys.add(x);
      }
      const { status, headers } = response;
      return { status, headers, text, json };
    }

    const post = (path: string, body: object = {}, headers = {}) =>
      ask(auth.url + path, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', ...headers },
        body: JSON.stringify(body),
      });

    const change = async (step: string): Promise<void> => {
      const headers = { 'X-Operator-Key': operatorKey };
      expect((await post(`/keys/${step}`, {}, headers)).status).toBe(200);
    };

    const notes = (token: string, server: SampleProcess = resource) =>
      ask(`${server.url}/notes`, {
        headers: { Authorization: `Bearer ${token}` },
      });

    const jwks = async (): Promise<Jwk[]> =>
      (await ask(auth.url + JWKS)).json.keys;

    /** Sets the clock of a server that started later, however much, back to that of the auth server. */
    const synchronize = async (late: ClockedSampleProcess): Promise<void> => {
      const now = await auth.advance(0);
      await late.advance(now - (await late.advance(0)));
    };

    const advance = async (seconds: number): Promise<void> => {
      await auth.advance(seconds);
      await resource.advance(seconds);
    };

    const signIn = async (): Promise<{ token: string; refreshToken: string }> =>
      (await post('/auth/login', { user: 'ada' })).json;

    it('answer every command of the README as it says: sign-in, refresh, rotation, a leaked key, sign-out (F-25, F-26, A-167)', async () => {
      const variables = new Map<string, string>();
      const statuses: number[] = [];
      let last: Record<string, string> = {};
      for (const { command, output } of transcriptOf(await readme())) {
        const assignment = /^(\w+)=(\S+)$/.exec(command);
        if (assignment) {
          const [, name, value] = assignment;
          variables.set(
            name!,
            value === 'eyJ…' ? last[name!]! : wordsOf(value!, variables)[0]!,
          );
        } else if (command.startsWith('sleep ')) {
          await advance(Number(command.slice('sleep '.length)));
        } else if (!command.startsWith('alias ')) {
          const { url, ...request } = curlRequestOf(command, variables);
          const answer = await ask(
            url
              .replace('http://localhost:3000', auth.url)
              .replace('http://localhost:3001', resource.url),
            request as RequestInit,
          );
          const [documented, ...more] = output;
          expect(more).toEqual([]);
          expect({
            command,
            printed: `${shapeOf(answer.text)} ${answer.status}`,
          }).toEqual({
            command,
            printed: documented!.replace(/^.*(?= \d+$)/, shapeOf),
          });
          statuses.push(answer.status);
          last = answer.json ?? {};
        }
      }
      expect(statuses.join(' ')).toBe(
        '200 201 401 401 200 500 401 200 200 403 200 200 200 200 200 200 200 200 200 200 401 200 200 401 204 401 401 200 401',
      );
      expect(resource.output()).toContain('SIGNING_KEY_REQUIRED');
      expect(auth.output()).toContain('KEY_UNKNOWN');
    });

    it(`rotate ${ROTATIONS} times under calls and refreshes with 0 refusals, each key in use (F-25)`, async () => {
      const [before] = await jwks();
      const clients = await Promise.all([1, 2, 3].map(signIn));
      const usedKeys = new Set<unknown>();
      const statuses: number[] = [];
      let second = 0;
      const pass = async (seconds: number): Promise<void> => {
        for (let i = 0; i < seconds; i += 1) {
          await advance(1);
          second += 1;
          for (const [k, client] of clients.entries()) {
            // Long before the token expires, and not all at once.
            if (second % 5 === k) {
              const { refreshToken } = client;
              const { json } = await post('/auth/refresh', { refreshToken });
              clients[k] = json;
            }
            const { token } = clients[k]!;
            usedKeys.add((headerIn(token) as Jwk).kid);
            statuses.push((await notes(token)).status);
          }
        }
      };
      for (let rotation = 0; rotation < ROTATIONS; rotation += 1) {
        await change('prepare');
        await pass(3 * KEY_SECONDS);
        await change('activate');
        await pass(ACCESS_SECONDS + KEY_SECONDS);
        await change('remove');
        await pass(KEY_SECONDS);
      }
      expect(statuses).toHaveLength(
        ROTATIONS * 3 * (ACCESS_SECONDS + 5 * KEY_SECONDS),
      );
      expect(statuses.filter((status) => status !== 200)).toEqual([]);
      expect(usedKeys.size).toBe(ROTATIONS + 1);
      printFigures(
        'F-25',
        `${adapter}, another service: ${ROTATIONS} rotations, ${statuses.length} x 200`,
      );
      const after = await jwks();
      expect(after).toHaveLength(1);
      expect(after[0]!.kid).not.toBe(before!.kid);
      expect(auth.output() + resource.output()).not.toContain('KEY_UNKNOWN');
    });

    it('refuse the tokens of a key that is removed before they have expired, and say so in the log (F-25, F-26)', async () => {
      const { token, refreshToken } = await signIn();
      expect((await notes(token)).status).toBe(200);
      await change('prepare');
      await change('activate');
      await change('remove');
      await advance(KEY_SECONDS);
      const { status } = await notes(token);
      const listed = (await jwks()).map(({ kid }) => kid);
      printFigures(
        'F-26',
        `${adapter}, another service after its TTL of ${KEY_SECONDS} s: ${status}; the JWKS lists ${listed.length} other key`,
      );
      expect(status).toBe(401);
      expect(listed).not.toContain((headerIn(token) as Jwk).kid);
      expect(resource.output()).toContain('KEY_UNKNOWN');
      const { json } = await post('/auth/refresh', { refreshToken });
      expect((await notes(json.token)).status).toBe(200);
    });

    it('go on without the auth server until tokens expire, and tell it in the log', async () => {
      const { token } = await signIn();
      expect((await notes(token)).status).toBe(200);
      await auth.stop();
      await resource.advance(KEY_SECONDS);
      while (!resource.output().includes('could not be loaded')) {
        expect((await notes(token)).status).toBe(200);
      }
      await resource.advance(KEY_SECONDS);
      expect((await notes(token)).status).toBe(200);
      await resource.advance(ACCESS_SECONDS);
      expect((await notes(token)).status).toBe(401);
    });

    atFullEffort(
      'start in any order: 503 until there are keys, and one request for them in a flood of unknown ones (A-181)',
      async () => {
        const { token } = await signIn();
        const published = JSON.stringify({ keys: await jwks() });
        const front = await Front.open();
        const late = await serveSample(RESOURCE, {
          ADAPTER: adapter,
          JWKS_URI: front.url,
        });
        try {
          await synchronize(late);
          const refused = await notes(token, late);
          expect(refused).toMatchObject({
            status: 503,
            json: { errorCode: 'SESSION_UNAVAILABLE' },
          });
          expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
          front.body = published;
          await late.advance(1);
          expect((await notes(token, late)).status).toBe(200);

          await late.advance(30);
          const asked = front.requests;
          const { privateKey } = newKeyPair('ES256');
          const flood = await Promise.all(
            Array.from({ length: 50 }, () => {
              const header = {
                alg: 'ES256',
                typ: 'session+jwt',
                kid: randomBytes(32).toString('base64url'),
              };
              const forged = forgeSigned(
                header,
                claimsIn(token),
                'ES256',
                privateKey,
              );
              return notes(forged, late);
            }),
          );
          expect(new Set(flood.map(({ status }) => status))).toEqual(
            new Set([401]),
          );
          expect(front.requests - asked).toBe(1);
        } finally {
          await Promise.all([late.stop(), front.close()]);
        }
      },
    );

    it('take no token that anybody else could have made', async () => {
      const { token } = await signIn();
      const [key] = await jwks();
      const claims = claimsIn(token);
      const header = { alg: 'ES256', typ: 'session+jwt', kid: key!.kid };
      const own = newKeyPair('ES256').privateKey;
      const forged = [
        forgeSigned(header, claims, 'ES256', own),
        forgeToken({ ...header, alg: 'HS256' }, claims, JSON.stringify(key)),
        forgeToken({ ...header, alg: 'HS256' }, claims, secret),
        forgeToken({ ...header, alg: 'none' }, claims, '').replace(
          /[^.]*$/,
          '',
        ),
        `${token.slice(0, -4)}AAAA`,
      ];
      for (const server of [resource.url, auth.url]) {
        const path = server === auth.url ? '/me' : '/notes';
        const statuses: number[] = [];
        for (const each of [...forged, token]) {
          const headers = { Authorization: `Bearer ${each}` };
          statuses.push((await ask(server + path, { headers })).status);
        }
        expect(statuses).toEqual([401, 401, 401, 401, 401, 200]);
      }
    });

    it('publish public members only, for as long as caches may keep them, and let no client change keys (A-167, S-040)', async () => {
      await change('prepare');
      const { headers, json } = await ask(auth.url + JWKS);
      expect(headers.get('cache-control')).toBe(
        `public, max-age=${KEY_SECONDS}`,
      );
      expect(headers.get('content-type')).toContain('application/jwk-set+json');
      expect(json.keys.map((key: object) => Object.keys(key))).toEqual(
        [1, 2].map(() => ['kty', 'crv', 'x', 'y', 'kid', 'alg', 'use']),
      );
      const { token } = await signIn();
      const strangers = [
        {},
        { 'X-Operator-Key': 'guessed' },
        { Authorization: `Bearer ${token}` },
      ];
      for (const step of ['prepare', 'activate', 'remove', 'replace']) {
        for (const stranger of strangers) {
          expect((await post(`/keys/${step}`, {}, stranger)).status).toBe(403);
        }
      }
      expect(await jwks()).toEqual(json.keys);
      expect((await ask(resource.url + JWKS)).status).toBe(404);
    });
  },
);

describe('the scripts of sample 04', () => {
  atFullEffort(
    'rotate.js rotates under load without a refusal, and prints a table and no token',
    async () => {
      const { code, output } = await sampleEnds(
        AUTH,
        { ROTATIONS: '1' },
        'rotate.js',
      );
      expect(code).toBe(0);
      const table = output
        .split('\n')
        .filter((line) => /^[\w-]{6} {2}/.test(line))
        .map((line) => line.split(/ {2,}/));
      expect(table.map(([, , step]) => step!.replace(/,.*/, ''))).toEqual([
        'start',
        'prepare',
        'activate',
        'remove',
      ]);
      const [first] = table[0]!;
      expect(table.map(([signing]) => signing === first)).toEqual([
        true,
        true,
        false,
        false,
      ]);
      const [calls, refreshes, ...refused] = table.at(-1)!.slice(3).map(Number);
      expect(calls).toBeGreaterThan(20);
      expect(refreshes).toBeGreaterThan(3);
      expect(refused).toEqual([0, 0]);
      expect(output).not.toMatch(/eyJ|PRIVATE KEY/);
    },
  );

  atFullEffort('start with times of their own', async () => {
    const auth = await runSample(AUTH);
    const resource = await runSample(RESOURCE, {
      JWKS_URI: auth.url + JWKS,
    });
    try {
      const login = await fetch(`${auth.url}/auth/login`, {
        method: 'POST',
        body: new URLSearchParams({ user: 'grace' }),
      });
      const { token } = (await login.json()) as { token: string };
      const { iat, exp } = claimsIn(token);
      expect(exp - iat).toBeLessThanOrEqual(300);
      expect(exp - iat).toBeGreaterThan(260);
      const headers = { Authorization: `Bearer ${token}` };
      const notes = await fetch(`${resource.url}/notes`, { headers });
      expect(await notes.json()).toEqual({ of: 'Grace Hopper', notes: [] });
      const output = auth.output() + resource.output();
      expect(output.includes(token)).toBe(false);
    } finally {
      await Promise.all([auth.stop(), resource.stop()]);
    }
  });

  atFullEffort.each<[string, string, Record<string, string>, string]>([
    ['a weak secret', AUTH, { SESSION_SECRET: 'secret' }, 'derivedSecret'],
    ['a time that nobody can read', AUTH, { KEY_MAX_AGE: 'soon' }, 'jwks'],
    ['NODE_ENV=production', AUTH, { NODE_ENV: 'production' }, 'MemorySes'],
    [
      'keys from a strange network',
      RESOURCE,
      { JWKS_URI: 'http://auth.example/jwks.json' },
      'verifyOnly.jwksUri',
    ],
  ])('do not start with %s (F-28)', async (_, name, environment, named) => {
    const { code, output } = await sampleEnds(name, environment);
    expect(code).toBe(1);
    expect(output).toContain(named);
  });
});

/** What stands between the two servers: down until it has something to answer with. */
class Front {
  body: string | undefined;
  requests = 0;

  private constructor(private readonly server: Server) {
    server.on('request', (_, response) => {
      this.requests += 1;
      response.statusCode = this.body === undefined ? 502 : 200;
      response.end(this.body);
    });
  }

  static async open(): Promise<Front> {
    const server = createServer();
    const front = new Front(server);
    await once(server.listen(0, 'localhost'), 'listening');
    return front;
  }

  get url(): string {
    const { port } = this.server.address() as AddressInfo;
    return `http://localhost:${port}/jwks.json`;
  }

  close(): Promise<unknown> {
    const closed = once(this.server, 'close');
    this.server.close();
    this.server.closeAllConnections();
    return closed;
  }
}

function readme(): Promise<string> {
  return readFile(README, 'utf8');
}

/** The variables before `node` in the two commands that the README starts the servers with. */
function environmentsOf(
  text: string,
): Record<'auth' | 'resource', Record<string, string>> {
  const [auth, resource] = ['auth-server', 'resource-server'].map((server) => {
    const line = new RegExp(
      `^((?:[A-Z_]+=\\S+ )+)node \\S+/${server}/dist/main.js$`,
      'm',
    ).exec(text)!;
    const pairs = line[1]!.trim().split(' ');
    return Object.fromEntries(
      pairs.map((pair) => pair.split('=') as [string, string]),
    );
  });
  return { auth: auth!, resource: resource! };
}

/** JSON with its tokens, instants, numbers of keys and thumbprints replaced by what they are. */
function shapeOf(text: string): string {
  return text === ''
    ? ''
    : JSON.stringify(
        JSON.parse(text, (_, value: unknown) =>
          typeof value !== 'string'
            ? value
            : /^eyJ(…$|[\w-]+\.[\w-]+\.[\w-]+$)/.test(value)
              ? 'a token'
              : INSTANT.test(value)
                ? 'an instant'
                : /^[\w-]{4}…$|^[\w-]{43}$/.test(value)
                  ? 'a number of 32 bytes'
                  : value,
        ),
      );
}

/** Whether a text holds the private half of one of these keys: as PEM, or as 32 bytes in hex or base64. */
function revealsPrivateKey(
  text: string,
  publicKeys: ReadonlySet<string>,
): boolean {
  const numbers = [
    ...new Set(text.match(/(?<![\w/+-])[\w/+-]{43}(?![\w/+-])/g)),
  ].map((number) => Buffer.from(number, 'base64'));
  const hexadecimals = [...new Set(text.match(/[0-9a-f]{64}/gi))].map(
    (number) => Buffer.from(number, 'hex'),
  );
  return (
    text.includes('PRIVATE KEY') ||
    [...numbers, ...hexadecimals].some((number) =>
      publicKeys.has(publicHalfOf(number)),
    )
  );
}

/** The x of the point on P-256 that belongs to a private number. */
function publicHalfOf(number: Buffer): string {
  const ecdh = createECDH('prime256v1');
  try {
    ecdh.setPrivateKey(number);
  } catch {
    return '';
  }
  return ecdh.getPublicKey().subarray(1, 33).toString('base64url');
}
