import {
  AMBIGUOUS_TOKEN,
  type Transport,
} from '../../lib/options/transport.js';
import { resolveOptions } from '../../lib/options/resolve-options.js';
import type { RequestFacts } from '../../lib/request-facts.js';
import { isAmbient, refuseCrossSite } from '../../lib/session/cross-site.js';
import {
  SessionEvents,
  type SessionEvent,
} from '../../lib/session/session-events.js';
import { SessionTransports } from '../../lib/session/session-transports.js';
import { NOW } from '../support/session-claims.js';
import { SECRET } from '../support/secrets.js';

/** What the request brings by each of two transports. */
interface Carried {
  readonly cookie?: unknown;
  readonly cookieRefresh?: unknown;
  readonly header?: unknown;
  readonly headerRefresh?: unknown;
}

function transportsOf(carried: Carried): {
  readonly all: SessionTransports;
  readonly cookie: Transport;
  readonly header: Transport;
} {
  const transport = (
    name: 'cookie' | 'header',
    ambient: boolean,
  ): Transport => ({
    name,
    ambient,
    read: () => carried[name] as string | undefined,
    readRefresh: () => carried[`${name}Refresh`] as string | undefined,
    write: () => [],
    clear: () => [],
  });
  const cookie = transport('cookie', true);
  const header = transport('header', false);
  return { all: new SessionTransports([cookie, header]), cookie, header };
}

const EVIL = { origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' };
const OWN = { origin: 'https://app.example', 'sec-fetch-site': 'same-origin' };

/** A request that another site posts, unless it is told otherwise. */
interface Request {
  readonly headers?: Record<string, string>;
  readonly method?: string;
  readonly crossSite?: unknown;
  readonly csrf?: object;
  readonly withFacts?: boolean;
}

function judge(
  carried: Carried,
  writes: readonly ('cookie' | 'header')[],
  {
    headers = EVIL,
    method = 'POST',
    crossSite,
    csrf = {},
    withFacts = true,
  }: Request = {},
): { code: string | undefined; events: SessionEvent[] } {
  const { all, ...named } = transportsOf(carried);
  const stream = new SessionEvents(() => NOW);
  const events: SessionEvent[] = [];
  stream.stream.subscribe((event) => events.push(event));
  const facts: RequestFacts = {
    method,
    headers: { host: 'app.example', ...headers },
  };
  const options = resolveOptions({ secret: SECRET, csrf });
  let code: string | undefined;
  try {
    refuseCrossSite(
      { transports: all, csrf: options.csrf, events: stream },
      withFacts ? facts : undefined,
      writes.map((name) => named[name]),
      crossSite,
    );
  } catch (error) {
    code = (error as { code: string }).code;
  }
  return { code, events };
}

describe('a request of another site that would write or end sessions', () => {
  it.each<[string, Carried, ('cookie' | 'header')[], boolean]>([
    ['that carries nothing and writes cookies', {}, ['cookie'], true],
    ['that carries nothing and writes headers', {}, ['header'], false],
    ['that carries nothing and writes both', {}, ['header', 'cookie'], true],
    ['that carries nothing and writes nothing', {}, [], false],
    ['that carries a session cookie', { cookie: 'x' }, ['header'], true],
    ['that carries a refresh cookie', { cookieRefresh: 'x' }, ['header'], true],
    [
      'that carries a refresh cookie and writes cookies',
      { cookieRefresh: 'x' },
      ['cookie'],
      true,
    ],
    [
      'that carries two cookies of one name',
      { cookie: AMBIGUOUS_TOKEN },
      ['header'],
      true,
    ],
    [
      'that carries two refresh cookies',
      { cookieRefresh: AMBIGUOUS_TOKEN },
      ['header'],
      true,
    ],
    [
      'that carries a token of its own making, which no other site can send',
      { header: 'x' },
      ['cookie'],
      false,
    ],
    [
      'that carries a refresh token in a header of its own making',
      { headerRefresh: 'x' },
      ['cookie'],
      false,
    ],
    [
      'that carries both, the cookie among them',
      { header: 'x', cookie: 'x' },
      ['header'],
      true,
    ],
    [
      'that carries both, the refresh cookie among them',
      { header: 'x', cookieRefresh: 'x' },
      ['header'],
      true,
    ],
  ])('%s', (_case, carried, writes, isRefused) => {
    const { code, events } = judge(carried, writes);
    expect(code).toBe(isRefused ? 'CSRF_REFUSED' : undefined);
    expect(events).toEqual(
      isRefused
        ? [
            {
              type: 'rejected',
              at: new Date(NOW * 1000),
              code: 'CSRF_REFUSED',
              reason: 'cross-site',
            },
          ]
        : [],
    );
    // Its own pages may do all of that.
    expect(judge(carried, writes, { headers: OWN }).code).toBeUndefined();
  });

  it.each(['GET', 'HEAD', 'OPTIONS'])(
    'is not asked where it was sent with %s, which changes nothing',
    (method) => {
      expect(judge({ cookie: 'x' }, ['cookie'], { method }).code).toBe(
        undefined,
      );
    },
  );

  it.each(['POST', 'PUT', 'DELETE', 'get', '', 'X'])(
    'is refused where it was sent with %p',
    (method) => {
      expect(judge({ cookie: 'x' }, ['cookie'], { method }).code).toBe(
        'CSRF_REFUSED',
      );
    },
  );

  it('is refused where a GET opens a socket', () => {
    const headers = { ...EVIL, upgrade: 'websocket' };
    expect(
      judge({ cookie: 'x' }, ['cookie'], { method: 'GET', headers }).code,
    ).toBe('CSRF_REFUSED');
  });

  it('is let through where the application says so: with true, and nothing that only looks like it', () => {
    expect(judge({ cookie: 'x' }, ['cookie'], { crossSite: true })).toEqual({
      code: undefined,
      events: [],
    });
    for (const crossSite of [false, undefined, null, 'true', 1, {}, []]) {
      expect(judge({ cookie: 'x' }, ['cookie'], { crossSite }).code).toBe(
        'CSRF_REFUSED',
      );
    }
  });

  it('is let through where there is no request, and where origins are not checked', () => {
    expect(
      judge({ cookie: 'x' }, ['cookie'], { withFacts: false }).code,
    ).toBeUndefined();
    expect(
      judge({ cookie: 'x' }, ['cookie'], { csrf: { origin: false } }).code,
    ).toBeUndefined();
    expect(
      judge({ cookie: 'x' }, ['cookie'], {
        csrf: { origin: { trustedOrigins: ['https://evil.example'] } },
      }).code,
    ).toBeUndefined();
  });

  it('need not have the custom header, which a form for signing in cannot send', () => {
    const csrf = { header: 'X-CSRF' };
    expect(judge({}, ['cookie'], { csrf, headers: OWN }).code).toBeUndefined();
  });
});

describe('isAmbient', () => {
  it.each([
    [true, true],
    [undefined, true],
    [false, false],
  ])('of ambient: %p is %p', (ambient, expected) => {
    const transport = { ...transportsOf({}).cookie, ambient } as Transport;
    expect(isAmbient(transport)).toBe(expected);
  });
});
