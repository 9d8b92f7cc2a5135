import { SessionService } from '../../lib/index.js';
import { readPage, sectionsOf } from './snippets/page.js';

const page = readPage('docs/how-it-works.md');
const rowsOf = (title: string): string[][] =>
  sectionsOf(page)
    .find((section) => section.title === title)!
    .text.split('\n')
    .filter((line) => line.startsWith('| ') && !line.startsWith('| ---'))
    .slice(1)
    .map((line) => line.slice(2, -2).split(' | '));

function namesOf(prototype: object): string[] {
  return prototype === Object.prototype
    ? []
    : [
        ...Object.getOwnPropertyNames(prototype),
        ...namesOf(Object.getPrototypeOf(prototype) as object),
      ];
}

describe('docs/how-it-works.md', () => {
  it('lists every method of SessionService', () => {
    const documented = rowsOf('What `SessionService` does').flatMap(([cell]) =>
      [...cell!.matchAll(/`([\w$]+)/g)].map(([, name]) => name!),
    );
    const lifeCycle = ['constructor', 'onApplicationShutdown'];
    const methods = namesOf(SessionService.prototype).filter(
      (name) => !lifeCycle.includes(name),
    );
    expect([...new Set(documented)].toSorted()).toEqual(
      [...new Set([...methods, 'events$'])].toSorted(),
    );
  });

  it('states the defaults of the reference', () => {
    const reference = readPage('docs/reference.md');
    for (const [, option, byDefault] of rowsOf('The clocks')) {
      expect(reference).toContain(`\n| ${option} | ${byDefault} |`);
    }
  });
});
