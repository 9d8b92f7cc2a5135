import { jest } from '@jest/globals';
import { Logger } from '@nestjs/common';
import { Subject } from 'rxjs';
import { monotonicTimeOf, SystemSessionClock } from '../../lib/ports/clock.js';
import { SessionError, type SessionEvent } from '../../lib/index.js';
import {
  LOGGED_EVENTS,
  logListenerFaults,
  logSessionEvents,
} from '../../lib/nest/log-session-events.js';
import { quoteError, RareLogger } from '../../lib/nest/rare-logger.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { ORIGIN, send } from '../support/browser.js';
import { CapturedLogs } from '../support/captured-logs.js';
import { RefreshController } from '../support/token-pair.js';
import { adapters, startTestApp } from '../support/test-app.js';

/** Everything that can end a line of a log or drive a terminal. */
// oxlint-disable-next-line no-control-regex -- these are what must not get out
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/;

let clock: TestSessionClock;
let logs: CapturedLogs;

beforeEach(() => {
  clock = new TestSessionClock();
  logs = new CapturedLogs();
  Logger.overrideLogger(logs);
});
afterEach(() => Logger.overrideLogger(false));

describe('RareLogger', () => {
  let logger: RareLogger;

  beforeEach(() => {
    logger = new RareLogger(monotonicTimeOf(clock));
  });

  it('logs a cause at most once a minute, and then says how often it was left out', () => {
    logger.log('error', 'a', 'it failed');
    logger.log('error', 'a', 'it failed');
    clock.advance(59);
    logger.log('error', 'a', 'it failed');
    expect(logs.lines).toHaveLength(1);

    clock.advance(1);
    logger.log('error', 'a', 'it failed');
    expect(logs.lines.map(({ text }) => text)).toEqual([
      'it failed SessionJwtModule',
      'it failed (2 more since the last line) SessionJwtModule',
    ]);
  });

  it('counts what was left out anew for each line', () => {
    logger.log('error', 'a', 'it failed');
    logger.log('error', 'a', 'it failed');
    clock.advance(60);
    logger.log('error', 'a', 'it failed');
    clock.advance(60);
    logger.log('error', 'a', 'it failed');
    expect(logs.lines).toHaveLength(3);
    expect(logs.lines[2]!.text).toBe('it failed SessionJwtModule');
  });

  it('keeps causes apart', () => {
    logger.log('error', 'a', 'a failed');
    logger.log('warn', 'b', 'b failed');
    logger.log('error', 'a', 'a failed');
    expect(logs.lines.map(({ level }) => level)).toEqual(['error', 'warn']);
  });

  it('logs a cause once in the life of the process where it is told so', () => {
    logger.once('warn', 'a', 'note this');
    clock.advance('365d');
    logger.once('warn', 'a', 'note this');
    expect(logs.lines).toEqual([
      { level: 'warn', text: 'note this SessionJwtModule' },
    ]);
  });

  it('goes on when the clock is set back (F-16)', () => {
    logger.log('error', 'a', 'it failed');
    clock.advance(-3600);
    logger.log('error', 'a', 'it failed');
    expect(logs.lines).toHaveLength(1);
    clock.advance(60);
    logger.log('error', 'a', 'it failed');
    expect(logs.lines.map(({ text }) => text)).toEqual([
      'it failed SessionJwtModule',
      'it failed (1 more since the last line) SessionJwtModule',
    ]);
  });

  it('counts by kind what was left out', () => {
    for (const kind of ['x', 'x', 'y', 'x']) {
      logger.log('warn', 'a', `refused (${kind})`, kind);
    }
    clock.advance(60);
    logger.log('warn', 'a', 'refused (z)', 'z');
    expect(logs.lines[1]!.text).toBe(
      'refused (z) (3 more since the last line: 2 x, 1 y) SessionJwtModule',
    );
  });

  it('writes the count when it is closed, and leaves out nothing from then on', () => {
    logger.log('warn', 'a', 'one');
    logger.log('warn', 'b', 'alone');
    logger.log('warn', 'a', 'two');
    logger.log('warn', 'a', 'three');
    logger.close();
    logger.close();
    logger.log('warn', 'a', 'four');
    logger.log('warn', 'a', 'five');
    expect(logs.lines.map(({ text }) => text)).toEqual(
      [
        'one',
        'alone',
        'three (1 more since the last line)',
        'four',
        'five',
      ].map((text) => `${text} SessionJwtModule`),
    );
  });

  describe('when nothing else comes', () => {
    beforeEach(() => {
      jest.useFakeTimers();
      logger = new RareLogger(monotonicTimeOf(new SystemSessionClock()));
    });
    afterEach(() => {
      jest.useRealTimers();
    });

    it('writes the count at the end of the minute, once', () => {
      for (let i = 0; i < 1_000; i += 1) {
        logger.log('warn', 'a', 'refused', 'forged');
      }
      jest.advanceTimersByTime(59_999);
      expect(logs.lines).toHaveLength(1);
      jest.setSystemTime(Date.now() - 3_600_000);
      jest.advanceTimersByTime(1);
      expect(logs.lines.map(({ text }) => text)).toEqual([
        'refused SessionJwtModule',
        'refused (998 more since the last line: 998 forged) SessionJwtModule',
      ]);
      jest.advanceTimersByTime(600_000);
      expect(logs.lines).toHaveLength(2);
      expect(jest.getTimerCount()).toBe(0);
    });

    it('starts the next minute at that line', () => {
      logger.log('warn', 'a', 'one');
      logger.log('warn', 'a', 'two');
      jest.advanceTimersByTime(60_000);
      logger.log('warn', 'a', 'three');
      jest.advanceTimersByTime(59_999);
      expect(logs.lines).toHaveLength(2);
      jest.advanceTimersByTime(1);
      expect(logs.lines).toHaveLength(3);
    });

    it('survives a log that fails', () => {
      logger.log('warn', 'a', 'one');
      logger.log('warn', 'a', 'two');
      logs.warn = () => {
        throw new Error('disk full');
      };
      expect(() => jest.advanceTimersByTime(60_000)).not.toThrow();
      expect(() => logger.close()).not.toThrow();
    });

    it('keeps no process alive', () => {
      jest.useRealTimers();
      const before = process.getActiveResourcesInfo();
      logger.log('warn', 'a', 'one');
      logger.log('warn', 'a', 'two');
      expect(process.getActiveResourcesInfo()).toEqual(before);
      logger.close();
    });
  });
});

describe('quoteError (S-118)', () => {
  it.each<[string, unknown, string]>([
    ['an error', new TypeError('no such table'), '"TypeError: no such table"'],
    ['a quote', new Error('say "no"'), String.raw`"Error: say \"no\""`],
    ['a line end', new Error('a\r\nb'), String.raw`"Error: a\r\nb"`],
    [
      'a colour',
      new Error('\u001b[31mred'),
      String.raw`"Error: \u001b[31mred"`,
    ],
    ['C1 controls', new Error('a\u0085b\u009bc\u007f'), '"Error: a?b?c?"'],
    ['line separators', new Error('a\u2028b\u2029'), '"Error: a?b?"'],
    ['a change of direction', new Error('a\u202eb\u200f'), '"Error: a?b?"'],
    ['NUL', new Error('a\u0000b'), String.raw`"Error: a\u0000b"`],
    ['a lone surrogate', new Error('a\ud800b'), String.raw`"Error: a\ud800b"`],
    [
      'a name with a line end',
      Object.assign(new Error('m'), { name: 'x\n[ERROR] y' }),
      String.raw`"x\n[ERROR] y: m"`,
    ],
    [
      'a token',
      new Error('GET /?t=eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2ln failed'),
      '"Error: GET /?t=[token] failed"',
    ],
    [
      'a token that is cut off',
      new Error(`${'x'.repeat(270)} eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ`),
      `"Error: ${'x'.repeat(270)} [token]"`,
    ],
    ['a thrown string', 'password=hunter2', '"string"'],
    ['a thrown object', { token: 'abc' }, '"object"'],
    ['undefined', undefined, '"undefined"'],
    ['null', null, '"object"'],
  ])('quotes %s', (_name, error, expected) => {
    expect(quoteError(error)).toBe(expected);
    expect(quoteError(error)).not.toMatch(CONTROL);
  });

  it('is short however long the message is', () => {
    const quoted = quoteError(new Error('x'.repeat(1_000_000)));
    expect(quoted.length).toBeLessThan(400);
  });

  it.each<[string, unknown]>([
    [
      'a message that cannot be read',
      Object.defineProperty(new Error('m'), 'message', {
        get: () => {
          throw new Error('unreadable');
        },
      }),
    ],
    [
      'a message that is a symbol',
      Object.defineProperty(new Error('m'), 'message', { value: Symbol('s') }),
    ],
    [
      'a name without a text form',
      Object.assign(new Error('m'), { name: Object.create(null) as string }),
    ],
  ])('survives an error with %s', (_name, error) => {
    expect(typeof quoteError(error)).toBe('string');
  });
});

describe('what faults of listeners leave in the log', () => {
  it('one line a minute for listeners and one for operators, which say what becomes of the subscription', () => {
    const report = logListenerFaults(new RareLogger(monotonicTimeOf(clock)));
    const error = new Error('no such table\n');
    for (let i = 0; i < 3; i += 1) {
      report('listener', error);
      report('operator', error);
    }
    expect(logs.lines).toHaveLength(2);
    clock.advance(60);
    report('listener', error);
    expect(logs.lines.map(({ level }) => level)).toEqual(
      Array.from(logs.lines, () => 'error'),
    );
    const [listener, operator, again] = logs.lines.map(({ text }) => text);
    expect(listener).toContain(String.raw`"Error: no such table\n"`);
    expect(listener).toContain('stays subscribed');
    expect(operator).toContain('ended its subscription');
    expect(operator).toContain('retry()');
    expect(again).toContain('2 more since');
  });
});

describe('what session events leave in the log', () => {
  const failed = (
    error: unknown,
    code: string | null = 'LOADER_UNAVAILABLE',
  ): SessionEvent =>
    ({
      type: 'loaderFailed',
      at: new Date(0),
      session: 'name-of-session',
      subject: 'ada',
      code: code ?? undefined,
      error,
    }) as SessionEvent;

  let events: Subject<SessionEvent>;

  beforeEach(() => {
    events = new Subject();
    logSessionEvents(events, new RareLogger(monotonicTimeOf(clock)));
  });

  it('a loader that fails, at most once a minute', () => {
    for (let i = 0; i < 100; i += 1) {
      events.next(failed(new Error('connection refused')));
    }
    clock.advance(60);
    events.next(failed(new Error('connection refused')));
    expect(logs.lines.map(({ level }) => level)).toEqual(['error', 'error']);
    expect(logs.lines[0]!.text).toContain('name-of-session');
    expect(logs.lines[0]!.text).toContain('"Error: connection refused"');
    expect(logs.lines[1]!.text).toContain('99 more since');
  });

  it('each code of it by itself', () => {
    events.next(failed(new Error('connection refused')));
    events.next(
      failed(
        new SessionError('NOT_SERIALIZABLE', 'data.at is a Date'),
        'NOT_SERIALIZABLE',
      ),
    );
    expect(logs.lines).toHaveLength(2);
    expect(logs.lines[1]!.text).toContain('data.at is a Date');
  });

  it('a defect by itself, with the answer that it leads to', () => {
    events.next(failed(new Error('connection refused')));
    events.next(failed(new TypeError('a bug'), null));
    expect(logs.lines[0]!.text).toContain('503');
    expect(logs.lines[1]!.text).toMatch(/^A defect .*"TypeError: a bug".* 500/);
  });

  it('one line each, whatever an error brings (S-118)', () => {
    events.next(
      failed(new Error('down\r\n[Nest] ERROR admin signed in \u001b[2K\u0085')),
    );
    expect(logs.lines).toHaveLength(1);
    expect(logs.lines[0]!.text).not.toMatch(CONTROL);
  });

  it('of exactly the types that the log asks for', () => {
    const of = { at: new Date(0), session: 's', subject: 'ada' };
    const detailsOf: Record<SessionEvent['type'], object> = {
      created: {},
      reloaded: {},
      reauthenticated: {},
      recovered: {},
      refreshed: { repeated: false },
      refreshReused: {},
      bound: {},
      boundRefused: { reason: 'no-proof' },
      ended: { reason: 'limit', reach: 'store' },
      endEvicted: { how: 'ended' },
      limitReached: { max: 3 },
      storeRecovered: { awaySeconds: 12 },
      allEnded: { count: 1 },
      undelivered: {},
      rejected: { code: 'KEY_UNKNOWN', reason: 'unknown-key' },
      loaderFailed: { code: 'LOADER_UNAVAILABLE', error: new Error('a') },
      storeFailed: { operation: 'read', error: new Error('a') },
      keysFailed: { error: new Error('a') },
      storeRolledBack: { lost: 'everything' },
      clockSkewed: { aheadSeconds: 10 },
      everythingEnded: {},
      revocationsLagging: { reason: 'silent' },
      revocationsCaughtUp: { awaySeconds: 2 },
      revocationsFilling: { entries: 80, maxEntries: 100 },
      revocationsFailed: { operation: 'follow', error: new Error('a') },
    };
    const logged = Object.entries(detailsOf).filter(([type, details]) => {
      logs.lines.length = 0;
      events.next({ ...of, type, ...details } as unknown as SessionEvent);
      return logs.lines.length > 0;
    });
    expect(new Set(logged.map(([type]) => type))).toEqual(LOGGED_EVENTS);
  });

  it('every theft, with the session and the subject, on one line each (S-118)', () => {
    const subjects = ['ada', 'bob', 'eve"\n[Nest] ERROR \u202e\u001b[2K'];
    for (const [i, subject] of subjects.entries()) {
      const session = `name-${i}`;
      events.next({ type: 'refreshReused', at: new Date(0), session, subject });
    }
    expect(logs.lines.map(({ level }) => level)).toEqual(
      subjects.map(() => 'warn'),
    );
    for (const [i, { text }] of logs.lines.entries()) {
      expect(text).toContain(`session name-${i} (subject "`);
      expect(text).not.toMatch(CONTROL);
      expect(text).not.toContain('\u202e');
    }
    expect(logs.lines[1]!.text).toContain('(subject "bob")');
  });

  it('the number of forged tokens by reason, of evictions and of refused sign-ins, when nothing else comes', () => {
    const at = new Date(0);
    const of = { at, session: 'name', subject: 'ada' };
    const logger = new RareLogger(monotonicTimeOf(clock));
    const stream = new Subject<SessionEvent>();
    logSessionEvents(stream, logger);
    const rejected = { at, type: 'rejected', code: 'TOKEN_INVALID' } as const;
    for (let i = 0; i < 1_000; i += 1) {
      stream.next({
        ...rejected,
        reason: i % 4 === 3 ? 'malformed' : 'signature',
      });
      stream.next({ ...of, type: 'endEvicted', how: 'ended' });
      stream.next({ ...of, type: 'ended', reason: 'limit', reach: 'store' });
      stream.next({ at, type: 'limitReached', subject: 'ada', max: 3 });
      stream.next({
        at,
        type: 'rejected',
        code: 'SESSION_UNKNOWN',
        reason: 'unknown',
      });
    }
    logger.close();
    expect(logs.lines).toHaveLength(10);
    expect(logs.matching('998 more since', 'warn')).toHaveLength(5);
    expect(logs.matching('749 signature, 249 malformed')).toHaveLength(1);
    expect(logs.matching('SESSION_LIMIT')[1]).toContain('subject "ada"');
  });

  it('nothing for ordinary events', () => {
    const of = { at: new Date(0), session: 's', subject: 'ada' };
    for (const event of [
      { ...of, type: 'created' },
      { ...of, type: 'reloaded' },
      { ...of, type: 'ended', reason: 'revoked', reach: 'process' },
      { ...of, type: 'undelivered' },
      { at: of.at, type: 'rejected', code: 'TOKEN_MISSING', reason: 'missing' },
      { at: of.at, type: 'rejected', code: 'TOKEN_EXPIRED', reason: 'expired' },
      { at: of.at, type: 'rejected', code: 'SESSION_ENDED', reason: 'ended' },
    ]) {
      events.next(event as SessionEvent);
    }
    expect(logs.lines).toEqual([]);
  });
});

describe.each(adapters)('the log of an application on %s', (adapter) => {
  it('names a failing data source once a minute, and no request for it', async () => {
    const app = await startTestApp(adapter, {
      configure: (nest) => nest.useLogger(logs),
    });
    try {
      const browser = await app.signIn();
      logs.lines.length = 0;
      app.users.failure = new Error('connection refused');
      app.clock.advance('40m');
      for (let i = 0; i < 5; i += 1) {
        expect((await browser.get('/me')).status).toBe(503);
        app.clock.advance(10);
      }
      expect(logs.matching('', 'error')).toHaveLength(1);
      app.clock.advance(60);
      expect((await browser.get('/me')).status).toBe(503);
      expect(logs.matching('', 'error')).toHaveLength(2);
      expect(logs.matching('connection refused', 'error')).toHaveLength(2);
    } finally {
      await app.close();
    }
  });

  it('explains each kind of forged request once a minute, wherever it is refused (S-118)', async () => {
    const app = await startTestApp(adapter, {
      session: { refreshToken: {}, csrf: { token: true } },
      controllers: [RefreshController],
      configure: (nest) => nest.useLogger(logs),
    });
    try {
      const browser = await app.signIn();
      const Cookie = await browser.jar.getCookieString(ORIGIN);
      logs.lines.length = 0;
      const refused = async (path: string, headers: Record<string, string>) => {
        const answer = await send(app.port, {
          method: 'POST',
          path: `${path}?hush=1`,
          body: { user: 'bob' },
          headers: { Cookie, ...headers },
        });
        expect(answer.status).toBe(403);
      };
      const kinds: [path: string, cause: string, headers: object][] = [
        ['/change', 'token-missing', {}],
        ['/refresh', 'token-invalid', { 'X-CSRF-Token': 'hush' }],
        ['/login', 'null-origin', { Origin: 'null' }],
        [
          '/login',
          'proxy-host',
          {
            Origin: 'https://shop.example',
            'X-Forwarded-Host': 'shop.example',
          },
        ],
        [
          '/login',
          'foreign-referer',
          { Referer: 'https://evil.example/hush?hush' },
        ],
      ];
      for (const [path, , headers] of kinds) {
        await refused(path, headers as Record<string, string>);
      }
      const lines = logs.matching('', 'warn');
      expect(lines).toHaveLength(kinds.length);
      for (const [i, [, cause]] of kinds.entries()) {
        expect(lines[i]).toContain(`(CSRF_REFUSED, ${cause};`);
        expect(lines[i]).toContain('Host: "app.example"');
      }
      // Whatever else comes: the causes are few, and each has a line a minute.
      for (let i = 0; i < 20; i += 1) {
        const headers = {
          Origin: `https://evil-${i}.example`,
          'Sec-Fetch-Site': `hush${i}`,
          'X-Forwarded-Host': `${i}.example`,
        };
        await refused('/login', headers);
        await refused('/logout', { 'X-CSRF-Token': `hush-${i}` });
      }
      expect(logs.matching('', 'warn')).toHaveLength(kinds.length + 1);
      app.clock.advance(60);
      await refused('/logout', {});
      await refused('/logout', { 'X-CSRF-Token': 'hush' });
      const later = logs.matching('', 'warn').slice(kinds.length + 1);
      expect(later).toHaveLength(2);
      expect(later[1]).toContain('20 more since');
      expect(logs.lines.some(({ text }) => text.includes('hush=1'))).toBe(
        false,
      );
      expect(logs.matching('hush-')).toEqual([]);
      for (const { text } of logs.lines) {
        expect(text).not.toMatch(CONTROL);
      }
    } finally {
      await app.close();
    }
  });

  it('goes on after an error that cannot be printed, so that no 503 is silent', async () => {
    const app = await startTestApp(adapter, {
      configure: (nest) => nest.useLogger(logs),
    });
    try {
      const browser = await app.signIn();
      app.users.failure = Object.defineProperty(new Error('m'), 'message', {
        value: Symbol('not a text'),
      });
      app.clock.advance('40m');
      expect((await browser.get('/me')).status).toBe(503);
      app.users.failure = new Error('connection refused');
      app.clock.advance('2m');
      expect((await browser.get('/me')).status).toBe(503);
      expect(logs.matching('connection refused', 'error')).toHaveLength(1);
    } finally {
      await app.close();
    }
  });
});
