import { spawn } from 'node:child_process';

/**
 * Runs commands one after another, shows what they print while they print it, and keeps it.
 *
 * @param {import('node:child_process').SpawnOptions} options
 */
export function createCommands(options) {
  let output = '';
  let running;

  /** True when the command exits with 0 within its seconds. */
  function run(seconds, file, ...args) {
    return new Promise((resolve) => {
      // A process group of its own, so that whatever the command started ends with it.
      const child = spawn(file, args, {
        ...options,
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      running = child;
      for (const name of ['stdout', 'stderr']) {
        child[name].setEncoding('utf8').on('data', (text) => {
          output += text;
          process[name].write(text);
        });
      }
      const timer = setTimeout(() => {
        console.log(`stopped after ${seconds} s: ${file} ${args.join(' ')}`);
        stop();
      }, seconds * 1000);
      const settle = (ok) => {
        clearTimeout(timer);
        running = undefined;
        resolve(ok);
      };
      child.on('error', (error) => {
        console.log(error.message);
        settle(false);
      });
      // A process left behind would hold the pipes open, and 'close' would never come.
      child.on('exit', stop);
      child.on('close', (code) => settle(code === 0));
    });
  }

  function stop() {
    if (running?.pid !== undefined) {
      try {
        process.kill(-running.pid, 'SIGKILL');
      } catch {
        // Nothing of the group is left.
      }
    }
  }

  return { run, stop, output: () => output };
}
