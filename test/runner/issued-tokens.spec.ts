import { createHmac, randomBytes } from 'node:crypto';
import { createTokenSearch } from './issued-tokens.mjs';
import { costOver } from '../support/relative-cost.js';

function issue(): string {
  const encode = (value: unknown) =>
    Buffer.from(JSON.stringify(value)).toString('base64url');
  const content = `${encode({ alg: 'HS256', typ: 'session+jwt' })}.${encode({
    sid: randomBytes(32).toString('base64url'),
    data: { name: 'Ada' },
  })}`;
  const signature = createHmac('sha256', randomBytes(32)).update(content);
  return `${content}.${signature.digest('base64url')}`;
}

const token = issue();
const [header = '', payload = '', signature = ''] = token.split('.');
const escapeBy = (text: string, escape: (code: string) => string) =>
  text.replace(/[._-]/g, (c) => escape(c.charCodeAt(0).toString(16)));

describe('the search for issued tokens in the output', () => {
  it.each([
    ['the whole token', token],
    ['its signature alone', signature],
    ['the first half of its signature', signature.slice(0, 24)],
    ['the last half of its signature', signature.slice(-24)],
    ['a signature glued to other text', `token_${signature}_end`],
    ['a cookie', `set-cookie: __Host-Http-session=${token}; Path=/; HttpOnly`],
    ['JSON', JSON.stringify({ headers: { cookie: `a=${token}` } })],
    ['JSON within JSON', JSON.stringify(JSON.stringify({ token }))],
    ['JSON with escaped dots', escapeBy(token, (hex) => `\\u00${hex}`)],
    ['a JavaScript escape', escapeBy(signature, (hex) => `\\x${hex}`)],
    ['an encoded URL', escapeBy(token, (hex) => `%${hex.toUpperCase()}`)],
    ['an URL in lower case', escapeBy(signature, (hex) => `%${hex}`)],
    ['two lines', `${token.slice(0, -30)}' +\n'${token.slice(-30)}`],
    [
      'a coloured difference',
      `${token.slice(0, -30)}\u001b[7m${token.slice(-30, -10)}\u001b[27m${token.slice(-10)}`,
    ],
  ])('finds a token printed as %s', (_form, printed) => {
    const find = createTokenSearch(`ok 1\nok 2 ${printed}\nok 3\n`);
    expect(find(token)).toMatchObject({ part: 'signature' });
  });

  it('names the line', () => {
    const find = createTokenSearch(`ok 1\nok 2 ${token}\nok 3\n`);
    expect(find(token)).toEqual({ part: 'signature', line: 2 });
  });

  it('finds a payload without its signature', () => {
    const find = createTokenSearch(`ok\nclaims ${header}.${payload}.…\n`);
    expect(find(token)).toEqual({ part: 'payload', line: 2 });
  });

  it('lets the header, the start of a payload and other tokens pass', () => {
    const find = createTokenSearch(
      `${header} ${payload.slice(0, 20)} ${issue()} ${signature.slice(0, 10)}`,
    );
    expect(find(token)).toBeUndefined();
  });

  it('looks up many tokens in a large output without reading it again for each', () => {
    const outputOf = (lines: number): string =>
      Array.from(
        { length: lines },
        (_, i) =>
          `  ✓ answers-with-a-long-kebab-case-name ${i} /some/path/to-a-file.spec.ts`,
      ).join('\n');
    const tokens = Array.from({ length: 500 }, issue);
    const search = (output: string) => {
      const find = createTokenSearch(output);
      return () => expect(tokens.filter(find)).toEqual([]);
    };
    // A hundred times the output costs a look-up next to nothing.
    expect(
      costOver(search(outputOf(20_000)), search(outputOf(200))),
    ).toBeLessThan(20);
  });
});
