/** Measures what the library adds to the loader's time when a session is due; the loader answers immediately. */
import { hmacTokens } from './by-hand.mjs';
import { atMost } from './goals.mjs';
import {
  contextOf,
  cookieOf,
  dataOf,
  openLibrary,
  SECRET,
  tokensOf,
  userAt,
} from './library.mjs';
import { timeAll } from './timing.mjs';

const COUNT = 1_000;
const NONE = 'no guard';
const SIGN = 'node:crypto signs the same claims';
const RELOAD = 'guard, its session is due';
const KNOWN = 'guard, the session was reloaded by another request';

export async function measure(settings) {
  const library = await openLibrary({
    lifetime: { idle: '400d', absolute: '400d' },
  });
  const { guard, codec, clock } = library;
  const cookies = (await tokensOf(library, COUNT)).map(cookieOf);
  const claims = codec.verify((await tokensOf(library, 1))[0]);
  const byHand = hmacTokens(SECRET);
  const loader = { load: (userId) => Promise.resolve(dataOf(userId)) };
  const user = userAt(0);

  const answer = async (context, admits) => {
    if ((await admits) !== true) {
      throw new Error('not let through');
    }
    context.getArgByIndex(1).writeHead(200);
  };
  const throughGuard = (i) => {
    const context = contextOf('cookie', cookies[i % COUNT]);
    return answer(context, guard.canActivate(context));
  };
  const timings = await timeAll(
    {
      [NONE]: (i) => answer(contextOf('cookie', cookies[i % COUNT]), true),
      [SIGN]: () => byHand.sign(claims),
      'loader alone': () => loader.load(user),
      [RELOAD](i) {
        // Once round, and all of them are due again.
        if (i % COUNT === 0) clock.advance('15m');
        return throughGuard(i);
      },
      [KNOWN]: () => throughGuard(0),
    },
    settings,
  );
  await library.close();

  const added = timings.difference(RELOAD, NONE);
  const sign = timings.microseconds(SIGN);
  return {
    goals: [
      atMost(
        60,
        'µs',
        'reload: what the guard adds beyond the loader and one signature',
        added - sign - timings.microseconds('loader alone'),
      ),
    ],
    tables: [
      {
        title: 'A reload, until the head of the response is written',
        columns: ['', 'µs'],
        rows: timings
          .rows()
          .map(([name, microseconds]) => [name, microseconds]),
      },
    ],
  };
}
