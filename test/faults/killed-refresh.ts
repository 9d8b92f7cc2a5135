/**
 * A process that refreshes one token as the session layer does, and is killed before the client hears of it. Five
 * hundred of them are started, so it loads no more than it must: the library's store, its chain of tokens, and for
 * Redis a client of a few lines.
 */
import { connect, type Socket } from 'node:net';
import type { PoolConfig } from 'pg';
import type { SessionStore } from '../../lib/ports/session-store.js';
import {
  childOf,
  hashOf,
  type RefreshLink,
} from '../../lib/session/model/refresh-chain.js';
import type { IoredisClient } from '../../lib/stores/redis/index.js';

/** Where in a refresh the process is killed. */
export type KillPoint =
  'before the read' | 'before the write' | 'in the write' | 'after the write';

export interface KilledRefreshSettings {
  readonly redis?: { readonly port: number; readonly prefix: string };
  readonly postgres?: PoolConfig;
  readonly token: RefreshLink & { readonly sid: string; readonly sub: string };
  readonly point: KillPoint;
  /** How long a write may be under way. */
  readonly milliseconds: number;
}

const { redis, postgres, token, point, milliseconds } = JSON.parse(
  process.argv[2]!,
) as KilledRefreshSettings;

const store = redis
  ? await openRedis(redis.port, redis.prefix)
  : await openPostgres();
await refresh();
process.exit();

async function refresh(): Promise<void> {
  killAt('before the read');
  const record = await store.read(token.sid, token.sub);
  if (!record) {
    throw new Error('no session to refresh');
  }
  killAt('before the write');
  const writing = store.rotate(token.sid, token.sub, {
    generation: token.gen,
    secretHash: hashOf(token),
    nextHash: hashOf(childOf(token, token.sid)),
    graceSeconds: 30,
    lifetime: { idleSeconds: 7 * 86_400, absoluteSeconds: 30 * 86_400 },
  });
  if (point === 'in the write') {
    // Not with a timer, which could not end before the answer comes.
    const end = performance.now() + milliseconds;
    while (performance.now() < end);
    killAt('in the write');
  }
  await writing;
  killAt('after the write');
}

function killAt(reached: KillPoint): void {
  if (point === reached) {
    process.kill(process.pid, 'SIGKILL');
  }
}

async function openPostgres(): Promise<SessionStore> {
  const [{ default: pg }, { PostgresSessionStore }] = await Promise.all([
    import('pg'),
    import('../../lib/stores/postgres/index.js'),
  ]);
  return new PostgresSessionStore({ pool: new pg.Pool(postgres) });
}

async function openRedis(port: number, prefix: string): Promise<SessionStore> {
  const { RedisSessionStore } = await import('../../lib/stores/redis/index.js');
  const socket = connect(port, '127.0.0.1');
  const run = repliesOf(socket);
  const client: IoredisClient = {
    evalsha: (...call) => run('EVALSHA', ...call),
    eval: (...call) => run('EVAL', ...call),
    pipeline: () => {
      throw new Error('not used');
    },
  };
  return new RedisSessionStore({ client, prefix });
}

/** Sends commands to Redis and gives their replies (RESP2). */
function repliesOf(
  socket: Socket,
): (...command: (string | number)[]) => Promise<unknown> {
  const waiting: ((reply: unknown) => void)[] = [];
  let received = '';
  socket.setEncoding('latin1');
  socket.on('data', (chunk: Buffer | string) => {
    received += String(chunk);
    for (;;) {
      const parsed = parse(received, 0);
      if (!parsed) return;
      received = received.slice(parsed.end);
      waiting.shift()!(parsed.value);
    }
  });
  return async (...command) => {
    const words = command.map(String);
    socket.write(
      `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`,
    );
    const reply = await new Promise((resolve) => waiting.push(resolve));
    if (reply instanceof Error) throw reply;
    return reply;
  };
}

function parse(
  text: string,
  from: number,
): { value: unknown; end: number } | undefined {
  const lineEnd = text.indexOf('\r\n', from);
  if (lineEnd < 0) return undefined;
  const line = text.slice(from + 1, lineEnd);
  let end = lineEnd + 2;
  switch (text[from]) {
    case '-':
      return { value: new Error(line), end };
    case ':':
      return { value: Number(line), end };
    case '$': {
      if (line === '-1') return { value: null, end };
      const value = text.slice(end, end + Number(line));
      end += Number(line) + 2;
      return end <= text.length ? { value, end } : undefined;
    }
    case '*': {
      if (line === '-1') return { value: null, end };
      const items: unknown[] = [];
      for (let i = 0; i < Number(line); i += 1) {
        const item = parse(text, end);
        if (!item) return undefined;
        items.push(item.value);
        end = item.end;
      }
      return { value: items, end };
    }
    default:
      return { value: line, end };
  }
}
