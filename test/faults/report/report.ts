import type { Failure } from './failures.js';

/** A test as Jest reports it. */
export interface ReportedTest {
  readonly fullName: string;
  readonly status: string;
}

/** What `printFigures` wrote: IDs, then the figures. */
const FIGURES = /^((?:F-\d{2} )+)(.+)$/;

const INDENT = ' '.repeat(6);

/** Matches titles that contain one of these IDs. */
export function titlesOf(ids: readonly string[]): RegExp {
  return new RegExp(`\\b(?:${ids.join('|')})\\b`);
}

/** What is demanded of a failure, what the tests printed, and what is missing. */
export function reportOn(
  { id, failure, demanded }: Failure,
  tests: readonly ReportedTest[],
  printed: readonly string[],
): { readonly text: string; readonly faults: string[] } {
  const measured = printed.flatMap((line) => {
    const [, ids, figures] = FIGURES.exec(line) ?? [];
    return ids?.split(' ').includes(id) ? [figures!] : [];
  });
  const named = tests.filter(({ fullName }) => titlesOf([id]).test(fullName));
  const count = (status: string): number =>
    named.filter((test) => test.status === status).length;
  const [passed, failed] = [count('passed'), count('failed')];
  const faults = [
    ...(passed === 0 ? [`${id}: no test passed`] : []),
    ...(failed > 0 ? [`${id}: ${failed} tests failed`] : []),
    ...(measured.length === 0 ? [`${id}: no figures`] : []),
  ];
  const text = [
    `${id}  ${failure}`,
    `demanded: ${demanded}`,
    `measured: ${measured.join(`\n${INDENT}          `) || 'nothing'}`,
    `tests: ${passed} passed, ${failed} failed, ${count('pending')} skipped`,
  ].join(`\n${INDENT}`);
  return { text, faults };
}
