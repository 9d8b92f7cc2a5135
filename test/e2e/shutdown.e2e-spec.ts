import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  compileLibrary,
  type CompiledLibrary,
} from '../support/compiled-library.js';
import { printFigures } from '../support/figures.js';
import { SECRET } from '../support/secrets.js';

/** Applications whose loader hangs, each closed while requests wait for it. */
const APPLICATION = `
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { SessionDataLoader, SessionJwtModule, SessionService } from './lib/index.js';
import { createTestSession } from './lib/testing/index.js';

async function closed(loader) {
  let calls = 0;
  class Hanging extends SessionDataLoader {
    load() {
      calls += 1;
      return new Promise(() => undefined);
    }
  }

  class AppModule {}
  Module({
    imports: [
      SessionJwtModule.forRoot({
        secret: process.env.SECRET,
        dataLoader: Hanging,
        loader: { timeout: 300, ...loader },
      }),
    ],
  })(AppModule);

  const app = await NestFactory.create(AppModule, { logger: false });
  await app.listen(0, '127.0.0.1');
  const sessions = app.get(SessionService);
  let completed = false;
  sessions.events$.subscribe({ complete: () => { completed = true; } });
  for (let i = 0; i < 3; i += 1) {
    const { cookie } = await createTestSession(app, 'user ' + i, {
      data: {},
      issuedAt: new Date(Date.now() - 7_200_000),
      loadedAt: new Date(Date.now() - 1_000_000),
    });
    void sessions.authenticate({ headers: { cookie } });
  }
  await new Promise((resolve) => setImmediate(resolve));
  await app.close();
  return { calls, completed };
}

const applications = [];
for (const loader of JSON.parse(process.env.LOADERS)) {
  applications.push(await closed(loader));
}
const open = process.getActiveResourcesInfo().filter((name) => name === 'Timeout');
process.stdout.write(JSON.stringify({ applications, timers: open.length }));
`;

interface Exit {
  code: number | null;
  signal: string | null;
  seconds: number;
  output: string;
  errors: string;
}

describe('F-29: an application that is closed while loads hang', () => {
  let library: CompiledLibrary;

  beforeAll(() => {
    library = compileLibrary();
    writeFileSync(join(library.folder, 'application.mjs'), APPLICATION);
  });
  afterAll(() => library.remove());

  function run(loaders: object[]): Promise<Exit> {
    return new Promise((resolve, reject) => {
      const begun = performance.now();
      const child = spawn(process.execPath, ['application.mjs'], {
        cwd: library.folder,
        env: { ...process.env, SECRET, LOADERS: JSON.stringify(loaders) },
      });
      let [output, errors] = ['', ''];
      let written = begun;
      child.stdout.on('data', (chunk: Buffer) => {
        output += chunk.toString();
        written = performance.now();
      });
      child.stderr.on('data', (chunk: Buffer) => {
        errors += chunk.toString();
      });
      child.on('error', reject);
      child.on('exit', (code, signal) => {
        const seconds = (performance.now() - written) / 1000;
        resolve({ code, signal, seconds, output, errors });
      });
    });
  }

  it('exits by itself and leaves no timer: with the default patience, one shorter than the timeout, and calls that wait for a place', async () => {
    const { code, seconds, output, errors } = await run([
      {},
      { patience: 200 },
      { concurrency: 1 },
    ]);
    expect(errors).toBe('');
    expect(JSON.parse(output)).toEqual({
      applications: [3, 3, 1].map((calls) => ({ calls, completed: true })),
      timers: 0,
    });
    expect(code).toBe(0);
    printFigures(
      'F-29',
      `exit ${(seconds * 1000).toFixed(0)} ms after close() with 7 hanging loads, 0 open timers`,
    );
  });
});
