/**
 * `npm run test:mutation`: changes `lib/keys`, `lib/tokens` and the use cases of `lib/session` in small ways, one at a
 * time, and checks whether the specs of the changed file notice: those of `test/session` for a use case. Takes hours;
 * arguments name the groups to run by their first files.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Stryker } from '@stryker-mutator/core';

/** What is changed, and the specs that must notice. */
const GROUPS = [
  [['tokens/front-gate'], ['tokens/front-gate']],
  [['tokens/token-header'], ['tokens/token-header']],
  [['tokens/strict-json'], ['tokens/strict-json']],
  [['keys/daily-keys'], ['keys/daily-keys']],
  [['keys/key-ring'], ['keys/key-ring']],
  [
    ['keys/key-set', 'keys/derive', 'keys/thumbprint'],
    ['keys/key-set', 'keys/derive', 'keys/thumbprint'],
  ],
  [
    ['keys/jwk-set', 'keys/remote-keys'],
    ['keys/jwk-set', 'keys/remote-keys', 'keys/remote-keys-without-jose'],
  ],
  [
    ['tokens/token-format', 'tokens/crypto-signer'],
    ['tokens/token-format', 'tokens/crypto-signer'],
  ],
  [
    ['tokens/token-codec', 'tokens/token-kind'],
    ['tokens/token-codec', 'tokens/token-kinds', 'session/token-verifier'],
  ],
  [
    ['tokens/claims-profile', 'tokens/session-claims'],
    ['tokens/claims-profile', 'tokens/refresh-claims'],
  ],
  ...[
    [
      ['session-authenticator', 'session-refusals'],
      [
        'session-authenticator',
        'guard-refresh',
        'session-revocations',
        'bound-sessions',
      ],
    ],
    [['guard-refresh'], ['guard-refresh', 'bound-sessions']],
    [['token-inspection'], ['token-inspection', 'session-revocations']],
    [
      ['session-revocation'],
      ['session-revocation', 'session-revocations', 'carried-sessions'],
    ],
    [['session-issuer'], ['session-issuer', 'generate-options']],
    [
      ['refresh-exchange', 'records/conclude-rotation'],
      [
        'refresh-exchange',
        'session-refresh',
        'guard-refresh',
        'device-refresh',
        'session-revocations',
        'bound-sessions',
      ],
    ],
    [
      ['session-refresh'],
      [
        'session-refresh',
        'refresh-exchange',
        'guard-refresh',
        'bound-sessions',
      ],
    ],
    [
      ['loading/session-reload', 'loading/session-extension'],
      ['session-reload', 'session-loads', 'guard-refresh', 'bound-sessions'],
    ],
    [
      [
        'loading/session-loads',
        'loading/loaded-result',
        'loading/load-failures',
        'loading/shared-tokens',
      ],
      ['session-loads', 'load-failures', 'session-reload'],
    ],
    [
      ['records/session-records'],
      ['session-records', 'session-refresh', 'session-issuer'],
    ],
    [
      ['records/session-ends', 'records/late-answers'],
      [
        'session-ends',
        'late-answers',
        'session-revocation',
        'session-revocations',
      ],
    ],
  ].map((group) =>
    group.map((names) => names.map((name) => `session/${name}`)),
  ),
];
const GOAL = 90;
const NOTICED = new Set(['Killed', 'Timeout']);
const MISSED = new Set(['Survived', 'NoCoverage']);

Object.assign(process.env, {
  // Chance is for the suite; here a few tries of each property do.
  NONCE_TOKENS: '1000',
  FUZZ_SECONDS: '0',
  // What a module does when it is loaded is changed too.
  LIBRARY_OF_EACH_SPEC: 'true',
});
const scratch = mkdtempSync(join(tmpdir(), 'session-jwt-mutation-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));

const wanted = process.argv.slice(2);
const total = { noticed: 0, missed: 0 };
for (const [sources, specs] of GROUPS) {
  if (wanted.length > 0 && !wanted.some((name) => sources.includes(name))) {
    continue;
  }
  const fileName = join(scratch, `${sources[0].replaceAll('/', '-')}.json`);
  await new Stryker({
    mutate: sources.map((name) => `lib/${name}.ts`),
    testRunner: 'jest',
    testRunnerNodeArgs: [
      '--experimental-vm-modules',
      '--disable-warning=ExperimentalWarning',
    ],
    jest: {
      configFile: 'jest.config.mjs',
      enableFindRelatedTests: false,
      config: { testRegex: `test/(${specs.join('|')})\\.spec\\.ts$` },
    },
    coverageAnalysis: 'perTest',
    concurrency: 2,
    timeoutMS: 20_000,
    reporters: ['json'],
    jsonReporter: { fileName },
    warnings: { slow: false },
    allowConsoleColors: false,
    tempDirName: join(scratch, 'sandbox'),
    ignorePatterns: ['dist', 'docs', 'sample', 'coverage', '.nest-11'],
  }).runMutationTest();
  report(JSON.parse(readFileSync(fileName, 'utf8')));
}
const all = total.noticed + total.missed;
const score = (100 * total.noticed) / all;
console.log(
  `\n${total.noticed} of ${all} changes noticed: ${score.toFixed(1)} %, ${GOAL} % are the goal`,
);
process.exitCode = score >= GOAL ? 0 : 1;

function report({ files }) {
  for (const [file, { mutants }] of Object.entries(files)) {
    const count = (kinds) => mutants.filter(({ status }) => kinds.has(status));
    const noticed = count(NOTICED);
    const missed = count(MISSED);
    total.noticed += noticed.length;
    total.missed += missed.length;
    const endless = mutants.filter(({ status }) => status === 'Timeout');
    console.log(
      `${file}: ${noticed.length} noticed (${endless.length} since they never end), ${missed.length} missed`,
    );
    for (const { location, mutatorName, replacement } of missed) {
      const { line, column } = location.start;
      const shown = replacement?.replace(/\s+/g, ' ').slice(0, 60);
      console.log(`  ${line}:${column} ${mutatorName} -> ${shown}`);
    }
  }
}
