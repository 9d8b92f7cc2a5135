import { spawn } from 'node:child_process';

/** A command that still runs after this hangs: the slowest machine needs less. */
const LIMIT_MINUTES = 60;

/**
 * Runs commands and keeps what they print.
 *
 * @param {import('node:child_process').SpawnOptions} options
 */
export function createCommands(options) {
  let output = '';
  const running = new Set();

  /**
   * Resolves to whether the command exits with 0.
   *
   * @param {(text: string) => unknown} print gets what the command prints, while it does
   */
  function run(print, file, ...args) {
    return new Promise((resolve) => {
      // A process group of its own, so that whatever the command started ends with it.
      const child = spawn(file, args, {
        ...options,
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      running.add(child);
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding('utf8').on('data', (text) => {
          output += text;
          print(text);
        });
      }
      const timer = setTimeout(() => {
        print(
          `stopped after ${LIMIT_MINUTES} minutes: ${file} ${args.join(' ')}\n`,
        );
        endGroup(child);
      }, LIMIT_MINUTES * 60_000);
      const settle = (ok) => {
        clearTimeout(timer);
        running.delete(child);
        resolve(ok);
      };
      child.on('error', (error) => {
        print(`${error.message}\n`);
        settle(false);
      });
      // A process left behind would hold the pipes open, and 'close' would never come.
      child.on('exit', () => endGroup(child));
      child.on('close', (code) => settle(code === 0));
    });
  }

  return {
    run,
    stop: () => running.forEach(endGroup),
    output: () => output,
  };
}

function endGroup(child) {
  if (child.pid !== undefined) {
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // Nothing of the group is left.
    }
  }
}
