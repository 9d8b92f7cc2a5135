/** Measures a request with a malformed token: the gate alone, and the guard's whole refusal. */
import { randomBytes } from 'node:crypto';
import { openSigned } from '../../../.compiled/tokens/front-gate.js';
import { atMost } from './goals.mjs';
import {
  asReceived,
  bearerOf,
  contextOf,
  cookieOf,
  openLibrary,
  tokensOf,
} from './library.mjs';
import { timeAll } from './timing.mjs';

export async function measure(settings) {
  const library = await openLibrary({ transport: ['cookie', 'header'] });
  const [token] = await tokensOf(library, 1);
  const [header, payload, signature] = token.split('.');
  const letters = (length) =>
    randomBytes(length).toString('base64url').slice(0, length);
  const garbage = {
    'one word': 'garbage',
    'random bytes of 8,192 characters': letters(8_192),
    '9,000 characters': letters(9_000),
    '4,000 dots': '.'.repeat(4_000),
    'two segments': `${header}.${payload}`,
    'padding at the end': `${header}.${payload}.${signature}=`,
    'a percent sign at the end of 8,000 characters': `${letters(4_000)}.${letters(3_990)}.%`,
    'a wrong last character': `${header}.${payload}.${signature.slice(0, -1)}_`,
    'three segments of noise': [36, 700, 43].map(letters).join('.'),
  };
  // The last one passes the gate, and is refused for its header.
  const byGate = Object.keys(garbage).slice(0, -1);
  const received = new Map(
    Object.entries(garbage).map(([name, text]) => [name, asReceived([text])]),
  );

  const gate = await timeAll(
    Object.fromEntries(
      [...received].map(([name, next]) => [name, (i) => openSigned(next(i))]),
    ),
    settings,
  );

  const refused = (name, value) => {
    const context = contextOf(name, value);
    try {
      void library.guard.canActivate(context);
    } catch (error) {
      return error;
    }
    throw new Error('the guard let garbage through');
  };
  const guard = await timeAll(
    Object.fromEntries([
      ['no guard', () => contextOf('authorization', 'Bearer x')],
      ['no token', () => refused('accept', '*/*')],
      ...[...received].map(([name, next]) => [
        name,
        (i) => refused('authorization', bearerOf(next(i))),
      ]),
      ['one word in a cookie', () => refused('cookie', cookieOf('garbage'))],
    ]),
    settings,
  );
  await library.close();

  const worst = Math.max(...byGate.map((name) => gate.microseconds(name)));
  return {
    goals: [atMost(5, 'µs', 'the gate alone, slowest kind of garbage', worst)],
    tables: [
      {
        title: 'Garbage: the gate alone',
        columns: ['token', 'µs'],
        rows: gate.rows().map(([name, microseconds]) => [name, microseconds]),
      },
      {
        title:
          'Garbage: what the guard adds to a request, including its exception',
        columns: ['token', 'µs'],
        rows: Object.keys(guard.rounds)
          .slice(1)
          .map((name) => [name, guard.difference(name, 'no guard').toFixed(2)]),
      },
    ],
  };
}
