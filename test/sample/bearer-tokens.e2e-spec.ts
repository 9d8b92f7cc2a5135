import { readFile } from 'node:fs/promises';
import { atFullEffort } from '../support/at-full-effort.js';
import { platforms } from '../support/effort.js';
import { claimsIn } from '../support/session-claims.js';
import { curlRequestOf, transcriptOf, wordsOf } from './curl-transcript.js';
import { runSample, sampleEnds, SampleHost } from './sample-process.js';
import type { ClockedSampleProcess } from './sample-process.js';

const SAMPLE = '02-bearer-tokens';
const README = new URL(
  '../../sample/02-bearer-tokens/README.md',
  import.meta.url,
);
const INSTANT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe.each(platforms('fastify'))('the bearer sample on %s', (adapter) => {
  let host: SampleHost;
  let server: ClockedSampleProcess;

  beforeAll(() => {
    host = new SampleHost(SAMPLE);
  });

  afterAll(() => host?.stop());

  beforeEach(async () => {
    // The times that the README tells to start it with.
    const [, settings] = /^((?:[A-Z_]+=\S+ )+)node /m.exec(await readme())!;
    const pairs = settings!.trim().split(' ');
    server = await host.serve({
      ADAPTER: adapter,
      ...Object.fromEntries(pairs.map((pair) => pair.split('='))),
    });
  });

  afterEach(() => server?.stop());

  async function post(path: string, body: object, headers = {}) {
    const response = await fetch(server.url + path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: JSON.stringify(body),
    });
    const text = await response.text();
    return { response, json: text ? JSON.parse(text) : undefined };
  }

  it('answers every command of its README as the README says, theft included (S-051, S-059, A-083, A-081)', async () => {
    const steps = transcriptOf(await readme());
    const variables = new Map<string, string>();
    const statuses: number[] = [];
    let last: Record<string, string> = {};
    for (const { command, output } of steps) {
      const assignment = /^(\w+)=(\S+)$/.exec(command);
      if (assignment) {
        const [, name, value] = assignment;
        variables.set(
          name!,
          value === 'eyJ…' ? last[name!]! : wordsOf(value!, variables)[0]!,
        );
      } else if (command.startsWith('sleep ')) {
        await server.advance(Number(command.slice('sleep '.length)));
      } else if (!command.startsWith('alias ')) {
        const { url, ...request } = curlRequestOf(command, variables);
        const response = await fetch(
          url.replace('http://localhost:3000', server.url),
          request as RequestInit,
        );
        const text = await response.text();
        const printed = `${shapeOf(text)} ${response.status}`;
        const [documented, ...more] = output;
        expect(more).toEqual([]);
        expect({ command, printed }).toEqual({
          command,
          printed: documented!.replace(/^.*(?= \d+$)/, shapeOf),
        });
        statuses.push(response.status);
        last = text ? JSON.parse(text) : {};
      }
    }
    expect(statuses.join(' ')).toBe(
      '200 200 401 200 200 200 401 401 401 200 204 401 401',
    );
    const [line] = /^A refresh token of session .*$/m.exec(await readme())!;
    const [before, after] = line.split(/ session \S{16} /);
    expect(server.output()).toContain(before);
    expect(server.output()).toContain(after);
  });

  it('returns the same next refresh token within the grace period, in answers that must not be stored (S-059, A-083)', async () => {
    const { json: first } = await post('/auth/login', { user: 'ada' });
    const answers = await Promise.all(
      Array.from({ length: 5 }, () =>
        post('/auth/refresh', { refreshToken: first.refreshToken }),
      ),
    );
    const children = answers.map(({ json }) => claimsIn(json.refreshToken));
    expect(new Set(children.map(({ jti }) => jti)).size).toBe(1);
    expect(children[0]!.jti).not.toBe(claimsIn(first.refreshToken).jti);
    for (const { response } of answers) {
      expect(response.headers.get('cache-control')).toBe('no-store');
      expect(response.headers.getSetCookie()).toEqual([]);
    }
  });

  it('signs out with the session token alone, expired or not, and twice (A-086, A-087, S-055)', async () => {
    const { json } = await post('/auth/login', { user: 'grace' });
    await server.advance(11);
    const authorization = { Authorization: `Bearer ${json.token}` };
    for (const attempt of [1, 2]) {
      const { response } = await post('/auth/logout', {}, authorization);
      expect([attempt, response.status]).toEqual([attempt, 204]);
    }
    const { response } = await post('/auth/refresh', {
      refreshToken: json.refreshToken,
    });
    expect(response.status).toBe(401);
  });

  it('accepts no token of the other kind, and no unknown user (A-081)', async () => {
    const { json } = await post('/auth/login', { user: 'ada' });
    const swapped = await Promise.all([
      post('/auth/refresh', { refreshToken: json.token }),
      post('/auth/refresh', {}),
      post('/auth/login', { user: 'mallory' }),
      fetch(`${server.url}/me`, {
        headers: { Authorization: `Bearer ${json.refreshToken}` },
      }).then((response) => ({ response })),
    ]);
    expect(swapped.map(({ response }) => response.status)).toEqual([
      401, 401, 401, 401,
    ]);
    const { response } = await post('/auth/refresh', {
      refreshToken: json.refreshToken,
    });
    expect(response.status).toBe(200);
  });
});

describe('node sample/02-bearer-tokens/dist/main.js', () => {
  atFullEffort(
    'starts with times of its own, and prints no token',
    async () => {
      const server = await runSample(SAMPLE);
      try {
        const login = await fetch(`${server.url}/auth/login`, {
          method: 'POST',
          body: new URLSearchParams({ user: 'ada' }),
        });
        const { token, refreshToken } = (await login.json()) as never;
        const { iat, exp } = claimsIn(token);
        expect(exp - iat).toBeLessThanOrEqual(300);
        expect(exp - iat).toBeGreaterThan(260);
        expect(server.output()).not.toContain(token);
        expect(server.output()).not.toContain(refreshToken);
      } finally {
        await server.stop();
      }
    },
  );

  atFullEffort.each<[string, Record<string, string>, string]>([
    ['NODE_ENV=production', { NODE_ENV: 'production' }, 'MemorySession'],
    ['a time that nobody can read', { GRACE: 'soon' }, 'refreshToken.gr'],
  ])('does not start with %s (F-28)', async (_, environment, named) => {
    const { code, output } = await sampleEnds(SAMPLE, environment);
    expect(code).toBe(1);
    expect(output).toContain(named);
  });
});

function readme(): Promise<string> {
  return readFile(README, 'utf8');
}

/** JSON with its tokens and instants replaced by what they are. */
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
                : value,
        ),
      );
}
