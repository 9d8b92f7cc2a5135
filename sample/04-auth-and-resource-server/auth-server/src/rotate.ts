import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';

// Starts both servers, lets clients call and refresh without a pause, and rotates the key meanwhile.

const ROTATIONS = Number(process.env.ROTATIONS ?? 3);
const CLIENTS = 4;
const ACCESS_SECONDS = 4;
const KEY_SECONDS = 1;
/** The old list may be this old: in the auth server, then in a cache on the way, then in the resource server. */
const UNTIL_KNOWN_SECONDS = 3 * KEY_SECONDS;
/** From then on no token of the old key is left, from whichever process of the auth server. */
const UNTIL_EXPIRED_SECONDS = ACCESS_SECONDS + KEY_SECONDS;

const operatorKey = randomBytes(32).toString('base64url');
const servers: ChildProcess[] = [];
process.on('exit', () => servers.forEach((server) => server.kill()));
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => process.exit(1));
}

const times = { KEY_MAX_AGE: `${KEY_SECONDS}s`, PORT: '0' };
const auth = await start('main.js', {
  ...times,
  ACCESS_LIFETIME: `${ACCESS_SECONDS}s`,
  OPERATOR_KEY: operatorKey,
});
const jwksUri = `${auth}/.well-known/jwks.json`;
const resource = await start('../../resource-server/dist/main.js', {
  ...times,
  JWKS_URI: jwksUri,
});

const counts = { calls: 0, refreshes: 0, refused: 0, other: 0 };
const end = new AbortController();
const clients = Array.from({ length: CLIENTS }, client);

console.log(
  `${CLIENTS} clients; session tokens are valid for ${ACCESS_SECONDS} s`,
);
console.log(
  row('key', 'published', 'step, wait', 'calls', 'refreshes', '401', 'other'),
);
await sleep(1_000);
await report('start');
for (let i = 0; i < ROTATIONS; i += 1) {
  await change('prepare', UNTIL_KNOWN_SECONDS);
  await change('activate', UNTIL_EXPIRED_SECONDS);
  await change('remove', 1);
}
end.abort();
await Promise.all(clients);
process.exit(counts.refused + counts.other > 0 ? 1 : 0);

interface Tokens {
  readonly token: string;
  readonly refreshToken: string;
  readonly expiresAt: string;
}

/** Refreshes in good time, as a client should: then its calls are never answered with 401. */
async function client(): Promise<void> {
  let tokens = await newTokens('login', { user: 'ada' });
  while (!end.signal.aborted) {
    const left = Date.parse(tokens.expiresAt) - Date.now();
    if (left < (ACCESS_SECONDS / 2) * 1_000) {
      tokens = await newTokens('refresh', tokens);
      counts.refreshes += 1;
    }
    const { status } = await fetch(`${resource}/notes`, {
      headers: { Authorization: `Bearer ${tokens.token}` },
    });
    counts.calls += 1;
    if (status === 401) counts.refused += 1;
    else if (status !== 200) counts.other += 1;
    await sleep(10);
  }
}

async function newTokens(
  route: 'login' | 'refresh',
  body: object,
): Promise<Tokens> {
  const response = await fetch(`${auth}/auth/${route}`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!response.ok) {
    throw new Error(`${route} returned status ${response.status}`);
  }
  return (await response.json()) as Tokens;
}

/** One step of a rotation, and the time to wait before the next one. */
async function change(step: string, waitSeconds: number): Promise<void> {
  const response = await fetch(`${auth}/keys/${step}`, {
    method: 'POST',
    headers: { 'X-Operator-Key': operatorKey },
  });
  if (!response.ok) {
    throw new Error(`${step} returned status ${response.status}`);
  }
  await sleep(waitSeconds * 1_000);
  await report(`${step}, ${waitSeconds} s`);
}

/** The key that signs, all that are published, and what the clients have seen so far. */
async function report(step: string): Promise<void> {
  const { keys } = (await (await fetch(jwksUri)).json()) as {
    keys: { kid: string }[];
  };
  const [active = '', ...others] = keys.map(({ kid }) => kid.slice(0, 6));
  const { calls, refreshes, refused, other } = counts;
  console.log(
    row(
      active,
      [active, ...others].join(' '),
      step,
      ...[calls, refreshes, refused, other].map(String),
    ),
  );
}

function row(...cells: string[]): string {
  const widths = [7, 14, 15, 7, 10, 5, 5];
  return cells
    .map((cell, i) =>
      i < 3 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!),
    )
    .join(' ');
}

/** A server in a process of its own, on a free port. Of what it prints, errors are passed on. */
async function start(
  script: string,
  environment: Record<string, string>,
): Promise<string> {
  const server = fork(new URL(script, import.meta.url), {
    env: { ...process.env, NO_COLOR: '1', ...environment },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  servers.push(server);
  return new Promise((resolve, reject) => {
    server.once('exit', (code) =>
      reject(new Error(`${script} exited (code ${code})`)),
    );
    server.stdout!.setEncoding('utf8').on('data', (text: string) => {
      const [, url] = /Listening on (\S+)/.exec(text) ?? [];
      if (url) resolve(url);
    });
  });
}
