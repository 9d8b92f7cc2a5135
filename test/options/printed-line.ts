import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** What comes out of the line that a message tells its reader to run. */
export async function outputOfLineIn(message: string): Promise<string> {
  const [line] = /node -e "[^"]+"/.exec(message) ?? [];
  if (line === undefined) {
    throw new Error(`no line to run in: ${message}`);
  }
  const { stdout } = await run('/bin/sh', ['-c', line]);
  return stdout.trim();
}
