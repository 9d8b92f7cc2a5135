/** Measures how long finding the session's cookie among others takes. */
import cookieParser from 'cookie-parser';
import { parse } from 'cookie';
import { readCookie as ours } from '../../../.compiled/transports/read-cookie.js';
import { readCookie as byHand } from './by-hand.mjs';
import { asReceived, cookieOf, openLibrary, tokensOf } from './library.mjs';
import { timeAll } from './timing.mjs';

const NAME = '__Host-Http-session';

export async function measure(settings) {
  const library = await openLibrary();
  const [token] = await tokensOf(library, 1);
  await library.close();
  const others = Array.from({ length: 40 }, (_, i) => `name${i}=value${i}`);
  const headers = {
    '3 cookies': cookieOf(token),
    '43 cookies': [...others, cookieOf(token)].join('; '),
    'none of ours': others.join('; '),
  };
  const middleware = cookieParser();
  const tables = [];
  for (const [title, header] of Object.entries(headers)) {
    const next = asReceived([header]);
    const timings = await timeAll(
      {
        'hand-written indexOf': (i) => byHand(next(i), NAME),
        ours: (i) => ours(next(i), NAME),
        'cookie.parse': (i) => parse(next(i))[NAME],
        'cookie-parser': (i) => {
          const request = { headers: { cookie: next(i) } };
          middleware(request, {}, () => undefined);
          return request.cookies[NAME];
        },
      },
      settings,
    );
    tables.push({
      title: `Cookie header of ${header.length} characters, ${title}`,
      columns: ['', 'µs', 'x'],
      rows: timings.rows(),
    });
  }
  return { goals: [], tables };
}
