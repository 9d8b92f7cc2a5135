import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until, WITH_PARENT } from './redis-server.js';

const PROGRAM = process.env.NGINX_PATH || '/usr/sbin/nginx';

/** `describe` for tests that need nginx: Debian's package, or the program in NGINX_PATH. */
export const describeWithNginx = existsSync(PROGRAM) ? describe : describe.skip;

/** An nginx of a test: one process, and nothing on disk that outlives it. */
export interface NginxServer {
  /** What it has logged, from `warn` on. */
  log(): Promise<string>;
  stop(): Promise<void>;
}

/** Temporary files where they can be written, whatever the user. */
const TEMPORARY = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
  .map((kind) => `${kind}_temp_path ${kind};`)
  .join(' ');

/**
 * Starts nginx, and waits until it listens.
 *
 * @param port a port of 127.0.0.1 that the configuration names
 * @param files the contents of `app.conf`, which Debian includes in the block `http`, and of what that names
 */
export async function startNginx(
  port: number,
  files: Readonly<Record<'app.conf' | (string & {}), string>>,
): Promise<NginxServer> {
  const folder = await mkdtemp(join(tmpdir(), 'session-nginx-'));
  const log = join(folder, 'log');
  const all = {
    ...files,
    'nginx.conf': `daemon off; master_process off; pid pid; error_log ${log} warn;
events {}
http { access_log off; ${TEMPORARY} include app.conf; }
`,
  };
  for (const [name, text] of Object.entries(all)) {
    await writeFile(join(folder, name), text);
  }
  const child = spawn(
    'sh',
    [
      '-c',
      WITH_PARENT,
      'sh',
      PROGRAM,
      '-p',
      folder,
      '-e',
      log,
      '-c',
      'nginx.conf',
    ],
    { stdio: ['pipe', 'ignore', 'ignore'] },
  );
  const ended = new Promise((resolve) => child.once('close', resolve));
  const server: NginxServer = {
    log: () => readFile(log, 'utf8'),
    async stop() {
      child.stdin.destroy();
      await ended;
      await rm(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  try {
    await Promise.race([
      until(() => listens(port)),
      ended.then(() => Promise.reject(new Error('it has ended'))),
    ]);
    return server;
  } catch (error) {
    const text = await server.log().catch(() => 'no log');
    await server.stop();
    throw new Error(`nginx did not start: ${text}`, { cause: error });
  }
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
