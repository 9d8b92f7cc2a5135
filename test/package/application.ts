import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';

/** What a program outside this repository may see of our environment: nothing of Jest. */
export function outsideEnvironment(): Record<string, string> {
  const { PATH = '', HOME = '' } = process.env;
  return {
    PATH,
    HOME,
    NO_COLOR: '1',
    SESSION_SECRET: randomBytes(32).toString('base64url'),
  };
}

export interface RunningApplication {
  url: string;
  stop(): Promise<void>;
}

/** Starts an application as a process, which prints "listening on" and its address once it does. */
export async function startApplication(
  [file = '', ...args]: readonly string[],
  cwd: string,
): Promise<RunningApplication> {
  const child = spawn(file, args, {
    cwd,
    env: { ...outsideEnvironment(), PORT: '0' },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own: `npx` and the like start the process that has to be stopped.
    detached: true,
  });
  let output = '';
  const url = await new Promise<string>((resolve, reject) => {
    const read = (text: Buffer): void => {
      output += text.toString();
      const found = /listening on (\S+)/.exec(output)?.[1];
      if (found !== undefined) {
        resolve(found);
      }
    };
    child.stdout.on('data', read);
    child.stderr.on('data', read);
    child.once('error', reject);
    child.once('exit', () => reject(new Error(`it ended: ${output}`)));
  });
  return { url, stop: () => stop(child) };
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const exit = once(child, 'exit');
    process.kill(-child.pid!, 'SIGKILL');
    await exit;
  }
}

/** What a user of `login`, `me` and `logout` sees: without a session, at the sign-in, with its cookie, and at the end. */
export async function useSession(
  url: string,
  credentials: object,
): Promise<object> {
  const anonymous = await fetch(`${url}/me`);
  const login = await fetch(`${url}/login`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(credentials),
  });
  const [line = ''] = login.headers.getSetCookie();
  const [cookie = ''] = line.split(';', 1);
  const headers = { cookie };
  const me = await fetch(`${url}/me`, { headers });
  const logout = await fetch(`${url}/logout`, { method: 'POST', headers });
  const copied = await fetch(`${url}/me`, { headers });
  return {
    anonymous: [anonymous.status, await anonymous.json()],
    login: [login.status, line.replace(/=[^;]+/, '=…')],
    me: [me.status, await me.json()],
    logout: [logout.status, logout.headers.getSetCookie()],
    copied: copied.status,
  };
}

/** What {@link useSession} finds where everything works. */
export function workingSession(data: object): object {
  return {
    anonymous: [
      401,
      expect.objectContaining({ errorCode: 'SESSION_REQUIRED' }),
    ],
    login: [201, expect.stringMatching(/^__Host-Http-session=…;.*HttpOnly/)],
    me: [200, data],
    logout: [204, [expect.stringMatching(/^__Host-Http-session=;.*Max-Age=0/)]],
    copied: 401,
  };
}
