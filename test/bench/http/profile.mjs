/**
 * `node test/bench/http/profile.mjs variant [--adapter express] [--seconds 8] [--tokens 10000]`: where the CPU time of
 * a variant goes under load, as Markdown.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { toProfileReport } from '../report/profile.mjs';
import { provideWrk, shoot } from './load.mjs';
import { leaveServerCore, startServer } from './server-process.mjs';
import { startStores } from './stores.mjs';
import { VARIANTS } from './variants.mjs';

const {
  positionals: [name = 'session-jwt-cookie'],
  values,
} = parseArgs({
  allowPositionals: true,
  options: {
    adapter: { type: 'string', default: 'fastify' },
    seconds: { type: 'string', default: '8' },
    tokens: { type: 'string', default: '1000' },
  },
});
const tokens = Number(values.tokens);
const variant = VARIANTS.find((one) => one.name === name) ?? { name };

provideWrk();
leaveServerCore();
const folder = mkdtempSync(join(tmpdir(), 'session-jwt-profile-'));
const stores = await startStores([variant]);
try {
  const server = await startServer(variant, {
    adapter: values.adapter,
    folder,
    env: { ...stores.env, SESSIONS: tokens },
  });
  await shoot(server, { connections: 64, tokens, seconds: 3 });
  await server.ask('startProfile');
  const { rate, cpu } = await shoot(server, {
    connections: 64,
    tokens,
    seconds: Number(values.seconds),
  });
  const { profile } = await server.ask('stopProfile');
  await server.stop();
  console.log(`### ${name} on ${values.adapter}

${rate.toLocaleString('en')} requests/s at 64 connections, ${cpu} µs of CPU each while it was profiled. Node ${process.version}.

${toProfileReport(profile)}`);
} finally {
  await stores.stop();
  rmSync(folder, { recursive: true, force: true });
}
