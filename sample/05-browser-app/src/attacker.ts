import { readdir, readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { Server } from 'node:http';
import { contentTypeOf } from './pages/content-type.js';

const FOLDERS = ['attacker', 'shared'].map(
  (name) => new URL(`../public/${name}/`, import.meta.url),
);

/** Another origin: a server of its own that has a few files and knows nothing of the application. */
export async function startAttacker(port: number): Promise<Server> {
  const files = new Map<string, URL>();
  for (const folder of FOLDERS) {
    for (const name of await readdir(folder)) {
      files.set(`/${name}`, new URL(name, folder));
    }
  }
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://attacker');
    const file = files.get(pathname === '/' ? '/index.html' : pathname);
    if (!file) {
      response.writeHead(404).end();
      return;
    }
    readFile(file).then(
      (content) => {
        response.setHeader('Content-Type', contentTypeOf(file.pathname));
        response.setHeader('Cache-Control', 'no-cache');
        response.end(content);
      },
      () => response.writeHead(500).end(),
    );
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(port, 'localhost', resolve);
  });
  return server;
}
