import { readFileSync } from 'node:fs';
import ts from 'typescript';
import {
  SESSION_ERROR_CODES,
  SessionError,
  toHttpException,
} from '../../lib/index.js';

const readme = readFileSync('README.md', 'utf8');
const reference = readFileSync('docs/reference.md', 'utf8');

/** The cells of every table row below a heading, down to the next heading of the same level. */
function rowsBelow(heading: string): string[][] {
  const start = reference.indexOf(`\n${heading}\n`);
  const level = heading.slice(0, heading.indexOf(' ') + 1);
  const end = reference.indexOf(`\n${level}`, start + heading.length);
  return reference
    .slice(start, end === -1 ? undefined : end)
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .slice(2, line.lastIndexOf('|'))
        .split('|')
        .map((cell) => cell.trim()),
    );
}

const plain = (cell: string): string => cell.replaceAll('`', '');

function interfacesOf(file: string): Map<string, ts.InterfaceDeclaration> {
  const source = ts.createSourceFile(
    file,
    readFileSync(file, 'utf8'),
    ts.ScriptTarget.ESNext,
    true,
  );
  return new Map(
    source.statements
      .filter(ts.isInterfaceDeclaration)
      .map((each) => [each.name.text, each]),
  );
}

/** Every option with the `@default` of its docstring, groups opened. */
function optionsOf(
  known: Map<string, ts.InterfaceDeclaration>,
  name: string,
  prefix = '',
): [name: string, byDefault: string][] {
  return known.get(name)!.members.flatMap((member) => {
    const path = prefix + member.name!.getText();
    const group = /\b(\w+Options)\b/.exec(
      (member as ts.PropertySignature).type!.getText(),
    )?.[1];
    const tag = ts
      .getJSDocTags(member)
      .find(({ tagName }) => tagName.text === 'default');
    if (group && known.has(group) && !tag) {
      return optionsOf(known, group, `${path}.`);
    }
    return [[path, ts.getTextOfJSDocComment(tag?.comment) ?? '']];
  });
}

describe('the reference', () => {
  it('lists every option with the default that its docstring states', () => {
    const options = optionsOf(
      new Map([
        ...interfacesOf('lib/options/session-jwt-module-options.ts'),
        ...interfacesOf('lib/options/option-groups.ts'),
        ...interfacesOf('lib/options/header-options.ts'),
        ...interfacesOf('lib/options/key-options.ts'),
        ...interfacesOf('lib/options/revocation-options.ts'),
      ]),
      'SessionJwtModuleOptions',
    );
    const extras = optionsOf(
      interfacesOf('lib/nest/module-extras.ts'),
      'SessionJwtModuleExtras',
    );
    const documented = rowsBelow('## Options').map(([name, byDefault]) => [
      plain(name!),
      plain(byDefault!),
    ]);
    const stated = [...options, ...extras].map(
      ([name, byDefault]): [string, string] => [name, plain(byDefault)],
    );
    expect(new Map(documented as [string, string][])).toEqual(new Map(stated));
    expect(documented).toHaveLength(stated.length);
  });

  it('lists every error code with the status that the filter answers', () => {
    const documented = rowsBelow('## Errors').map(([code, status]) => [
      plain(code!),
      Number(status),
    ]);
    expect(documented).toEqual(
      SESSION_ERROR_CODES.map((code) => [
        code,
        toHttpException(new SessionError(code, '')).getStatus(),
      ]),
    );
  });

  it('lists every event', () => {
    const source = readFileSync('lib/session/model/session-event.ts', 'utf8');
    const types = [...source.matchAll(/readonly type: '(\w+)'/g)].map(
      ([, type]) => type,
    );
    const documented = rowsBelow('## Events').map(([type]) => plain(type!));
    expect(new Set(documented)).toEqual(new Set(types));
    expect(documented).toHaveLength(types.length);
  });
});

describe('the README', () => {
  const lines = readme.split('\n');
  /** The number of the first line that has this text. */
  const lineOf = (text: string): number =>
    lines.findIndex((line) => line.includes(text)) + 1;

  it('stays under 200 lines, with the install command on the first screen', () => {
    expect(lines.length).toBeLessThan(200);
    expect(lineOf('npm install nestjs-session-jwt')).toBeGreaterThan(0);
    expect(lineOf('npm install nestjs-session-jwt')).toBeLessThan(20);
    expect(lineOf('```ts')).toBeLessThan(35);
  });

  it('names the two commands', () => {
    expect(readme).toContain('`npm ci && npm start`');
    expect(readme).toContain('`npm ci && npm test`');
  });

  it('shows the same line for Jest as the page on testing', () => {
    const testing = readFileSync('docs/testing.md', 'utf8');
    const line = lines[lineOf('"transformIgnorePatterns"') - 1]!;
    expect(testing).toContain(`\n${line}\n`);
  });
});
