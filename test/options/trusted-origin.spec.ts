import fc from 'fast-check';
import { readTrustedOrigin } from '../../lib/options/trusted-origin.js';
import { faultsOf, resolve } from './faults.js';
import { anyCharacter } from '../support/any-character.js';
import { rounds } from '../support/effort.js';
import { normalizeTrustedOrigin } from '../support/nest-protection.js';
import { SECRET } from '../support/secrets.js';
import { titleOf } from '../support/titles.js';

function byNest(value: unknown): string | undefined {
  try {
    return normalizeTrustedOrigin(value as string);
  } catch {
    return undefined;
  }
}

describe('a trusted origin', () => {
  it.each(
    [
      ['https://app.example', 'https://app.example'],
      ['HTTPS://App.Example', 'https://app.example'],
      ['https://app.example:443', 'https://app.example'],
      ['http://app.example:80', 'http://app.example'],
      ['https://app.example:80', 'https://app.example:80'],
      ['https://app.example:8443', 'https://app.example:8443'],
      ['http://localhost:3000', 'http://localhost:3000'],
      ['http://127.0.0.1', 'http://127.0.0.1'],
      ['http://127.1', 'http://127.0.0.1'],
      ['http://[::1]:3000', 'http://[::1]:3000'],
      ['https://[0:0:0:0:0:0:0:1]', 'https://[::1]'],
      ['https://m\u00fcnchen.example', 'https://xn--mnchen-3ya.example'],
      ['https://app.example.', 'https://app.example.'],
      ['https://app.example:', 'https://app.example'],
      ['capacitor://localhost', 'capacitor://localhost'],
      ['chrome-extension://abcdefgh', 'chrome-extension://abcdefgh'],
      ['https://app.example/', undefined],
      ['https://app.example/path', undefined],
      ['https://app.example?x', undefined],
      ['https://app.example#x', undefined],
      ['https://user@app.example', undefined],
      ['https://user:password@app.example', undefined],
      ['https://@app.example', 'https://app.example'],
      ['https://:password@app.example', undefined],
      ['file://localhost', undefined],
      ['https://*.app.example', undefined],
      ['https://%2a.app.example', undefined],
      ['https://*', undefined],
      ['*', undefined],
      ['null', undefined],
      ['', undefined],
      ['app.example', undefined],
      ['//app.example', undefined],
      ['https:app.example', undefined],
      ['https:/app.example', undefined],
      ['https:\\\\app.example', undefined],
      ['https://app.example\\@evil.example', undefined],
      ['https://', undefined],
      ['https://:443', undefined],
      ['https://app.example:99999', undefined],
      ['https://app.example:x', undefined],
      ['https://app example', undefined],
      [' https://app.example', undefined],
      ['https://app.example ', 'https://app.example'],
      ['https://app.example\n', 'https://app.example'],
      ['https://app.\u0000example', undefined],
      ['file:///etc/passwd', undefined],
      ['data:text/html,x', undefined],
      ['javascript://app.example', 'javascript://app.example'],
      [undefined, undefined],
      [null, undefined],
      [5, undefined],
      [true, undefined],
      [{}, undefined],
      [['https://app.example'], undefined],
      [new URL('https://app.example'), undefined],
      [/https:\/\/app\.example/, undefined],
    ].map(([given, expected]) => [titleOf(given), given, expected] as const),
  )(
    'is read from %s exactly as Nest itself reads it (S-155)',
    (_title, given, expected) => {
      expect(readTrustedOrigin(given)).toBe(expected);
      expect(byNest(given)).toBe(expected);
    },
  );

  it('is accepted exactly where Nest accepts it, with the same result (S-155)', () => {
    const part = fc.oneof(
      fc.constantFrom(
        'app.example',
        'APP.example',
        'localhost',
        '127.0.0.1',
        '[::1]',
        '*',
        '%2a',
        '\u00fc.example',
        'user@app.example',
        '@',
        '..',
        '',
        ' ',
      ),
      fc.domain(),
      fc.string({ maxLength: 6 }),
      fc.string({ unit: anyCharacter, maxLength: 4 }),
    );
    const nearly = fc
      .tuple(
        fc.constantFrom(
          'https',
          'http',
          'HTTP',
          'ws',
          'capacitor',
          'a1',
          '1a',
          '',
        ),
        fc.constantFrom('://', ':', ':/', ':///', '//', ':\\\\'),
        part,
        fc.oneof(
          fc.constantFrom('', ':', ':443', ':80', ':8080', ':0', ':x', ':070'),
          fc.integer({ min: -1, max: 70_000 }).map((port) => `:${port}`),
        ),
        fc.constantFrom('', '', '', '/', '?', '#', '\\', '\n', ' ', '/x'),
      )
      .map((parts) => parts.join(''));
    let [accepted, refused] = [0, 0];
    fc.assert(
      fc.property(
        fc.oneof(nearly, nearly, fc.webUrl(), fc.string(), fc.anything()),
        (given) => {
          const expected = byNest(given);
          expect(readTrustedOrigin(given)).toBe(expected);
          if (expected === undefined) {
            refused += 1;
          } else {
            accepted += 1;
          }
        },
      ),
      { seed: 155, numRuns: rounds(2_000, 600) },
    );
    expect(accepted).toBeGreaterThan(rounds(100, 30));
    expect(refused).toBeGreaterThan(rounds(100, 30));
  });
});

describe('the list of trusted origins', () => {
  const trusting = (trustedOrigins: unknown) => ({
    secret: SECRET,
    csrf: { origin: { trustedOrigins } },
  });

  it('is kept in the form in which browsers send origins, each once', () => {
    const { csrf } = resolve({
      csrf: {
        origin: {
          trustedOrigins: [
            'HTTPS://A.example:443',
            'https://a.example',
            'http://b.example:8080',
          ],
        },
      },
    });
    expect([...csrf.trustedOrigins]).toEqual([
      'https://a.example',
      'http://b.example:8080',
    ]);
    expect(csrf.checksOrigin).toBe(true);
  });

  it('names each faulty element by its place', () => {
    const faults = faultsOf(
      trusting(['https://a.example/', 'https://b.example', '*', null]),
    );
    expect(faults.map((fault) => fault.split(':')[0])).toEqual([
      'csrf.origin.trustedOrigins[0]',
      'csrf.origin.trustedOrigins[2]',
      'csrf.origin.trustedOrigins[3]',
    ]);
    expect(faults[0]).toContain('scheme://host[:port]');
  });

  it.each([
    ['a text', 'https://a.example'],
    ['null', null],
    ['a set', new Set(['https://a.example'])],
    ['an object', {}],
  ])('stops the boot when it is %s', (_title, value) => {
    expect(faultsOf(trusting(value))).toEqual([
      expect.stringMatching(/^csrf\.origin\.trustedOrigins: expected an array/),
    ]);
  });
});

it('is read alike however often it is asked: URL.canParse of Node 20 is not', () => {
  const answers = new Set<string | undefined>();
  for (let i = 0; i < 20_000; i += 1) {
    answers.add(readTrustedOrigin('https://m\u00fcnchen.example'));
  }
  expect([...answers]).toEqual(['https://xn--mnchen-3ya.example']);
});
