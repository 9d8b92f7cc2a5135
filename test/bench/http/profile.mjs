/**
 * `node test/bench/http/profile.mjs variant [--adapter express] [--api graphql] [--seconds 8] [--tokens 10000]`: prints, as
 * Markdown, where the CPU time of a variant goes under load.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { summarizeProfile, toProfileReport } from '../report/profile.mjs';
import { provideWrk } from './load.mjs';
import { profileOf } from './profiles.mjs';
import { leaveServerCore } from './server-process.mjs';
import { VARIANTS } from './variants.mjs';

const {
  positionals: [name = 'session-jwt-cookie'],
  values,
} = parseArgs({
  allowPositionals: true,
  options: {
    adapter: { type: 'string', default: 'fastify' },
    api: { type: 'string', default: 'rest' },
    seconds: { type: 'string', default: '8' },
    tokens: { type: 'string', default: '1000' },
  },
});

provideWrk();
leaveServerCore();
const folder = mkdtempSync(join(tmpdir(), 'session-jwt-profile-'));
try {
  const { shot, profile } = await profileOf(
    VARIANTS.find((one) => one.name === name) ?? { name },
    {
      adapter: values.adapter,
      api: values.api,
      tokens: Number(values.tokens),
      seconds: Number(values.seconds),
      folder,
    },
  );
  console.log(`### ${name} on ${values.adapter}

${shot.rate.toLocaleString('en')} requests/s at 64 connections, ${shot.cpu} µs of CPU each while it was profiled. Node ${process.version}.

${toProfileReport({ [name]: summarizeProfile(profile) })}`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
