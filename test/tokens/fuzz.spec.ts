import type { SessionClaims } from '../../lib/tokens/session-claims.js';
import {
  parseEncryptedHeader,
  parseSignedHeader,
} from '../../lib/tokens/token-header.js';
import { seededRandom, type Random } from '../support/random.js';
import { CLAIMS, codecOf, EXPECTED, modes, type Mode } from './modes.js';
import { verdictOf } from './profile.js';

/** A longer run takes other numbers: `FUZZ_SECONDS=60 FUZZ_SEED=2`. */
const SECONDS = Number(process.env['FUZZ_SECONDS'] ?? 2);
/** Enough to reach every verdict on a machine that is busy. */
const MINIMUM = 2_000;
const SEED = Number(process.env['FUZZ_SEED'] ?? 1);

/** What has a meaning somewhere in a token, one to a line, and what has none anywhere. */
const PIECES = [
  ...String.raw`
.
..
=
-
_
+
/
{
}
[
]
"
:
,
\
\u0061
{}
[]
""
null
true
-1
0
1e999
9e15
1.5
4102444800
2
"alg":"none",
"alg":"HS256",
"kid":"k",
"crit":[],
"zip":"DEF",
"__proto__":{},
"constructor":{},
"typ":"JWT",
"v":2,
"exp":1,
"sub":"bob",
"iss":"x",
"per":false,
AAAA
eyJhbGciOiJub25lIn0
[[[[[[[[[[[[[[[[[[
`
    .split('\n')
    .filter((piece) => piece !== ''),
  ' ',
  '\0',
  '\n',
  '\u0080',
  '\u00ff\u00fe',
  '\u00ef\u00bb\u00bf',
];

interface Attempt {
  readonly token: string;
  /** Whether claims may come of it; what else comes through has escaped. */
  readonly mayPass: (claims: SessionClaims) => boolean;
}

const targets = modes.map((mode) => ({
  mode,
  codec: codecOf(mode),
  good: mode.forge(mode.header, CLAIMS),
}));
type Target = (typeof targets)[number];

/** Where signing takes no milliseconds, so that there is time for more. */
const quickTargets = targets.filter(
  ({ mode }) => mode.name !== 'RS256' && mode.name !== 'PS256',
);

function pick<T>(random: Random, items: readonly T[]): T {
  return items[Math.floor(random() * items.length)]!;
}

/** Changes some bytes of a text, each of its characters being one. */
function mutated(text: string, random: Random): string {
  let result = text;
  for (let changes = 1 + Math.floor(random() * 4); changes > 0; changes -= 1) {
    const at = Math.floor(random() * (result.length + 1));
    const length = 1 + Math.floor(random() * random() * 40);
    const [before, range, after] = [
      result.slice(0, at),
      result.slice(at, at + length),
      result.slice(at + length),
    ];
    const piece = pick(random, PIECES);
    const code = String.fromCharCode(Math.floor(random() * 256));
    result = pick(random, [
      () => before + code + result.slice(at + 1),
      () => before + code + result.slice(at),
      () => before + piece + result.slice(at),
      () => before + piece + after,
      () => before + after,
      () => before + range + range + after,
      () => before + range.split('').toReversed().join('') + after,
      () => before,
      () => after + before,
    ])();
  }
  return result;
}

const isSame = (a: unknown, b: unknown) =>
  JSON.stringify(a) === JSON.stringify(b);
const sorted = (value: object) =>
  Object.fromEntries(
    Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)),
  );

function parsed(text: string): unknown {
  try {
    return JSON.parse(Buffer.from(text, 'latin1').toString());
  } catch {
    return undefined;
  }
}

const STRATEGIES: Record<string, (target: Target, random: Random) => Attempt> =
  {
    'a good token changed'({ good }, random) {
      const token = mutated(good, random);
      return { token, mayPass: () => token === good };
    },
    'parts of several tokens'({ good }, random) {
      const others = targets.map((target) => target.good);
      const segments = [
        good,
        pick(random, others),
        pick(random, others),
      ].flatMap((token) => token.split('.'));
      const token = Array.from({ length: good.split('.').length }, () =>
        pick(random, segments),
      ).join('.');
      return {
        token,
        mayPass: () => token === good,
      };
    },
    'pieces of anything'(_target, random) {
      const token = Array.from({ length: Math.floor(random() * 60) }, () =>
        pick(random, PIECES),
      ).join('');
      return { token, mayPass: () => false };
    },
    'another header under a good signature'({ mode }, random) {
      const text = mutated(JSON.stringify(mode.header), random);
      const token = mode.forge(Buffer.from(text, 'latin1'), CLAIMS);
      return {
        token,
        mayPass: () =>
          isSame(sorted(Object(parsed(text))), sorted(mode.header)),
      };
    },
    'another payload under a good signature'({ mode }, random) {
      const original = Buffer.from(JSON.stringify(CLAIMS)).toString('latin1');
      const text = mutated(original, random);
      const token = mode.forge(mode.header, Buffer.from(text, 'latin1'));
      return {
        token,
        mayPass(claims) {
          const value = parsed(text) as Record<string, unknown>;
          return verdictOf(value, EXPECTED) === 'good' && isSame(claims, value);
        },
      };
    },
  };
const NAMES = Object.keys(STRATEGIES);

/** Headers straight to their readers: what comes out is allowed, or nothing does. */
function readsHeaderRight({ header }: Mode, random: Random): boolean {
  const text = mutated(JSON.stringify(header), random);
  const segment = Buffer.from(text, 'latin1').toString('base64url');
  return [
    parseSignedHeader(segment, 'session+jwt', false),
    parseSignedHeader(segment, 'session+jwt', true),
    parseEncryptedHeader(segment, 'session+jwt'),
  ].every((read) => {
    const { alg, enc, typ, kid, ...others } = Object(parsed(text));
    return (
      read === undefined ||
      (read.algorithm === (enc ?? alg) &&
        read.kid === kid &&
        typ === 'session+jwt' &&
        Object.keys(others).length === 0)
    );
  });
}

it(`nothing escapes in ${SECONDS} s of random input (V-40)`, () => {
  const random = seededRandom(SEED);
  const verdicts = new Map<string, number>();
  const escapes: string[] = [];
  const end = performance.now() + SECONDS * 1000;
  let inputs = 0;
  while (inputs < MINIMUM || performance.now() < end) {
    const name = pick(random, NAMES);
    const target = pick(
      random,
      name.endsWith('signature') ? quickTargets : targets,
    );
    // Never the input itself: what has escaped is a good token.
    const where = `input ${inputs} of seed ${SEED}: ${name}, ${target.mode.name}`;
    inputs += 1;
    try {
      const { token, mayPass } = STRATEGIES[name]!(target, random);
      const verdict = target.codec.verify(token);
      const kind = typeof verdict === 'string' ? verdict : 'claims of a token';
      verdicts.set(kind, (verdicts.get(kind) ?? 0) + 1);
      if (typeof verdict !== 'string' && !mayPass(verdict)) {
        escapes.push(where);
      }
      if (!readsHeaderRight(target.mode, random)) {
        escapes.push(`${where}, its header`);
      }
    } catch (error) {
      escapes.push(`${where}: ${(error as Error).name}`);
    }
  }
  expect(escapes).toEqual([]);
  expect([...verdicts.keys()]).toEqual(
    expect.arrayContaining([
      'malformed',
      'header',
      'unknown-key',
      'signature',
      'claims',
      'claims of a token',
    ]),
  );
  process.stdout.write(
    `${inputs.toLocaleString('en')} inputs in ${SECONDS} s, escapes: ${escapes.length}, ${JSON.stringify(Object.fromEntries(verdicts))}\n`,
  );
});
