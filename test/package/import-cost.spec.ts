import { rmSync } from 'node:fs';
import { rounds } from '../support/effort.js';
import { itOnNest, needingNest12 } from '../support/nest-version.js';
import {
  linkedApplication,
  packPackage,
  run,
  type PackedPackage,
} from './packed.js';

/** What every application that can use the package has imported. */
const NEST = [
  'reflect-metadata',
  'rxjs',
  '@nestjs/common',
  '@nestjs/core',
  '@nestjs/jwt',
];
const REFERENCE = importing('@nestjs/jwt');
const ROUNDS = rounds(5, 3);
const MEDIANS = 6;

let packed: PackedPackage;
let folder: string;

beforeAll(async () => {
  packed = await packPackage();
  folder = await linkedApplication(packed);
  const kilobytes = (bytes: number) => `${(bytes / 1024).toFixed(0)} KB`;
  process.stdout.write(
    `the package: ${packed.files.length} files, ${kilobytes(packed.size)}, unpacked ${kilobytes(packed.unpackedSize)}\n`,
  );
});
afterAll(() => {
  packed?.remove();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

describe('the import of the packed package', () => {
  // That of Nest 11 alone costs 1.8 times as much.
  itOnNest(
    needingNest12('costs at most twice as much as that of @nestjs/jwt'),
    async () => {
      const cost = await costOver(importing('nestjs-session-jwt'), 2);
      expect(cost).toBeLessThanOrEqual(2);
    },
  );

  it('costs at most a third of it where Nest is loaded', async () => {
    const added = importing('nestjs-session-jwt', NEST);
    expect(await costOver(added, 1 / 3)).toBeLessThanOrEqual(1 / 3);
  });
});

/** A program that prints the milliseconds of processor time which the import of a package takes, after other imports. */
function importing(name: string, before: readonly string[] = []): string {
  return `
    for (const name of ${JSON.stringify(before)}) await import(name);
    const start = process.cpuUsage();
    await import('${name}');
    const { user, system } = process.cpuUsage(start);
    console.log((user + system) / 1000);`;
}

/**
 * How many times the processor time of the reference a program takes. The best of several medians counts for each, in
 * rounds that run both, so that a busy machine slows both; once the limit is met, there is nothing left to find out.
 */
async function costOver(program: string, limit: number): Promise<number> {
  const best = [Infinity, Infinity];
  let cost = Infinity;
  for (let i = 0; i < MEDIANS && !(cost <= limit); i += 1) {
    const times: number[][] = [[], []];
    for (let round = 0; round < ROUNDS; round += 1) {
      times[0]!.push(await timeOf(program));
      times[1]!.push(await timeOf(REFERENCE));
    }
    times.forEach((each, of) => {
      best[of] = Math.min(best[of]!, medianOf(each));
    });
    cost = best[0]! / best[1]!;
  }
  const [ours, reference] = best.map((time) => time.toFixed(0));
  process.stdout.write(
    `import: ${ours} ms of processor time, @nestjs/jwt ${reference} ms: ${cost.toFixed(2)} times\n`,
  );
  return cost;
}

async function timeOf(program: string): Promise<number> {
  const node = ['--input-type=module', '--eval', program];
  const { ok, output } = await run(process.execPath, node, { cwd: folder });
  if (!ok) {
    throw new Error(output);
  }
  return Number(output);
}

function medianOf(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[numbers.length >> 1]!;
}
