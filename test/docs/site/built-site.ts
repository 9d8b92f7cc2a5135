import { execFile } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, extname, join } from 'node:path';
import { promisify } from 'node:util';
import { freePort } from '../../support/free-port.js';
import { ROOT } from '../../support/library-sources.js';

const NOT_COPIED = new Set([
  '.compiled',
  '.git',
  '.nest-11',
  'dist',
  'node_modules',
]);
const TYPES: Readonly<Record<string, string>> = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.md': 'text/markdown; charset=utf-8',
  '.png': 'image/png',
  '.svg': 'image/svg+xml',
  '.txt': 'text/plain; charset=utf-8',
  '.woff2': 'font/woff2',
};

/** What `npm run docs` makes of a copy of the repository, since other specs read its folders meanwhile, on a server. */
export class BuiltSite {
  private constructor(
    private readonly folder: string,
    private readonly server: Server,
    readonly origin: string,
  ) {}

  static async open(): Promise<BuiltSite> {
    const folder = mkdtempSync(join(tmpdir(), 'session-site-'));
    cpSync(ROOT, folder, {
      recursive: true,
      filter: (path) => !NOT_COPIED.has(basename(path)),
    });
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'));
    await promisify(execFile)('npm', ['run', 'docs'], { cwd: folder });

    const files = join(folder, 'docs/.vitepress/dist');
    const server = createServer((request, response) => {
      const { pathname } = new URL(request.url!, 'http://site');
      const path = decodeURIComponent(pathname).replace(/\/$/, '/index');
      const file = [path, `${path}.html`]
        .map((name) => join(files, name))
        .find((name) => extname(name) && existsSync(name));
      if (!file) {
        response.writeHead(404).end();
        return;
      }
      void readFile(file).then((body) => {
        response
          .writeHead(200, { 'Content-Type': TYPES[extname(file)] })
          .end(body);
      });
    });
    const port = await freePort();
    await new Promise<void>((resolve) => {
      server.listen(port, '127.0.0.1', resolve);
    });
    return new BuiltSite(folder, server, `http://127.0.0.1:${port}`);
  }

  async textAt(path: string): Promise<string> {
    const response = await fetch(new URL(path, this.origin));
    expect({ path, status: response.status }).toEqual({ path, status: 200 });
    return response.text();
  }

  async close(): Promise<void> {
    this.server.closeAllConnections();
    await new Promise((resolve) => {
      this.server.close(resolve);
    });
    rmSync(this.folder, { recursive: true, force: true });
  }
}
