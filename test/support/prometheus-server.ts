import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './free-port.js';
import { until, WITH_PARENT } from './redis-server.js';

const PROGRAM = process.env.PROMETHEUS_PATH || '/usr/bin/prometheus';
const PROMTOOL = join(dirname(PROGRAM), 'promtool');

/** A Prometheus of a test, which scrapes one target. */
export interface PrometheusServer {
  /** Evaluates an expression now: the values by their labels. */
  query(
    expression: string,
  ): Promise<{ labels: Record<string, string>; value: number }[]>;
  /** The health and the names of the rules that it has loaded. */
  rules(): Promise<{ name: string; health: string }[]>;
  stop(): Promise<void>;
}

/** `it` for tests that need Prometheus: Debian's package, or the program in PROMETHEUS_PATH, with promtool next to it. */
export const itWithPrometheus =
  existsSync(PROGRAM) && existsSync(PROMTOOL) ? it : it.skip;

/** Runs `promtool` with files of these contents, and returns what it prints. Throws if it finds a fault. */
export async function promtool(
  args: readonly string[],
  files: Readonly<Record<string, string>>,
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'session-promtool-'));
  try {
    for (const [name, text] of Object.entries(files)) {
      await writeFile(join(folder, name), text);
    }
    const run = promisify(execFile);
    const { stdout } = await run(PROMTOOL, args, { cwd: folder });
    return stdout;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Starts Prometheus, and waits until it is ready. */
export async function startPrometheus(
  targetPort: number,
  rules: string,
): Promise<PrometheusServer> {
  const port = await freePort();
  const folder = await mkdtemp(join(tmpdir(), 'session-prometheus-'));
  const log = join(folder, 'log');
  await writeFile(join(folder, 'rules.yml'), rules);
  await writeFile(
    join(folder, 'prometheus.yml'),
    `global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: [rules.yml]
scrape_configs:
  - job_name: app
    static_configs: [{ targets: ['127.0.0.1:${targetPort}'] }]
`,
  );
  const child = spawn(
    'sh',
    [
      '-c',
      `${WITH_PARENT} 2>${log}`,
      'sh',
      PROGRAM,
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: ['pipe', 'ignore', 'ignore'] },
  );
  const ended = new Promise((resolve) => child.once('close', resolve));
  const get = async (path: string): Promise<any> => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`);
    if (!response.ok) throw new Error(await response.text());
    return response.json();
  };
  const stop = async (): Promise<void> => {
    child.stdin.destroy();
    await ended;
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  };
  try {
    await Promise.race([
      until(async () => (await fetch(`http://127.0.0.1:${port}/-/ready`)).ok),
      ended.then(() => Promise.reject(new Error('it has ended'))),
    ]);
  } catch (error) {
    const text = await readFile(log, 'utf8').catch(() => 'no log');
    await stop();
    throw new Error(`prometheus did not start: ${text}`, { cause: error });
  }
  return {
    async query(expression) {
      const path = `/api/v1/query?query=${encodeURIComponent(expression)}`;
      const { data } = await get(path);
      return data.result.map(
        (each: {
          metric: Record<string, string>;
          value: [number, string];
        }) => ({
          labels: each.metric,
          value: Number(each.value[1]),
        }),
      );
    },
    async rules() {
      const { data } = await get('/api/v1/rules');
      return data.groups.flatMap((group: { rules: object[] }) => group.rules);
    },
    stop,
  };
}
