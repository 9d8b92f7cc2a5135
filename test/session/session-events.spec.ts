import { createHmac, randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import {
  config,
  filter,
  finalize,
  firstValueFrom,
  lastValueFrom,
  map,
  mergeMap,
  Observable,
  retry,
  share,
  Subject,
  take,
  tap,
  throwError,
  toArray,
} from 'rxjs';
import type { SessionEvent } from '../../lib/session/model/session-event.js';
import { SessionEvents } from '../../lib/session/model/session-events.js';
import type { ListenerFault } from '../../lib/session/model/guarded-observable.js';
import { turn } from '../support/asynchrony.js';
import { claimsOf, newSessionId, NOW } from '../support/session-claims.js';
import { refreshClaimsOf } from './codecs.js';

const KEY = randomBytes(32);

function createEvents(key: Buffer = KEY) {
  const faults: [ListenerFault, unknown][] = [];
  const events = new SessionEvents(
    () => NOW,
    (fault, error) => faults.push([fault, error]),
  );
  events.nameWith(key);
  const claims = claimsOf();
  return {
    events,
    claims,
    /** What was reported of listeners. */
    faults,
    emit: () => events.ofSession(claims, { type: 'created' }),
    reject: () => events.rejected('TOKEN_INVALID', 'signature'),
  };
}

const FAULT = new Error('a fault of the listener');

function fails(): never {
  throw FAULT;
}

/** What rxjs throws from a timer, which would end the process, while `run` and what it started go on. */
async function unhandledIn(run: () => unknown): Promise<unknown[]> {
  const unhandled: unknown[] = [];
  const before = config.onUnhandledError;
  config.onUnhandledError = (error) => unhandled.push(error);
  try {
    await run();
    await new Promise((resolve) => setTimeout(resolve, 2));
    await turn();
  } finally {
    config.onUnhandledError = before;
  }
  return unhandled;
}

type Subscribe = (stream: Observable<SessionEvent>) => unknown;

const THROWING: [string, Subscribe][] = [
  ['a function', (stream) => stream.subscribe(fails)],
  ['an observer', (stream) => stream.subscribe({ next: fails })],
  [
    'an observer whose error listener throws too',
    (stream) =>
      stream.pipe(map(fails)).subscribe({ next: fails, error: fails }),
  ],
  ['a map', (stream) => stream.pipe(map(fails)).subscribe()],
  [
    'a listener behind a map',
    (stream) => stream.pipe(map((event) => event.type)).subscribe(fails),
  ],
  [
    'a listener behind many operators',
    (stream) =>
      stream
        .pipe(
          filter(() => true),
          map((event) => event.at),
          tap(() => undefined),
          mergeMap((at) => [at]),
        )
        .subscribe({ next: fails }),
  ],
  ['a filter', (stream) => stream.pipe(filter(fails)).subscribe()],
  ['a tap', (stream) => stream.pipe(tap(fails)).subscribe(() => undefined)],
  [
    'an inner observable',
    (stream) =>
      stream.pipe(mergeMap(() => throwError(() => new Error('x')))).subscribe(),
  ],
  ['a finalizer', (stream) => stream.pipe(finalize(fails)).subscribe(fails)],
  [
    'a listener of a shared stream',
    (stream) => stream.pipe(share()).subscribe(fails),
  ],
];

describe('SessionEvents', () => {
  it('tells every listener each event once, in the order in which they happen', () => {
    const { events, emit, reject } = createEvents();
    const [first, second]: SessionEvent[][] = [[], []];
    events.stream.subscribe((event) => first!.push(event));
    events.stream
      .pipe(filter(() => true))
      .subscribe({ next: (event) => second!.push(event) });
    emit();
    reject();
    expect(first!.map(({ type }) => type)).toEqual(['created', 'rejected']);
    expect(second).toEqual(first);
  });

  it('says when, which session and whom an event is about', () => {
    const { events, claims } = createEvents();
    const seen: SessionEvent[] = [];
    events.stream.subscribe((event) => seen.push(event));
    events.ofSession(claims, {
      type: 'ended',
      reason: 'loader',
      detail: 'disabled',
      reach: 'process',
    });
    events.rejected('TOKEN_EXPIRED', 'expired');
    const at = new Date(NOW * 1000);
    expect(seen).toEqual([
      {
        type: 'ended',
        reason: 'loader',
        detail: 'disabled',
        reach: 'process',
        at,
        session: events.nameOf(claims.sid),
        subject: 'ada',
      },
      { type: 'rejected', code: 'TOKEN_EXPIRED', reason: 'expired', at },
    ]);
  });

  it('hands out events that no listener can change for the others', () => {
    const { events, emit, reject } = createEvents();
    const seen: SessionEvent[] = [];
    events.stream.subscribe((event) => {
      expect(() => Object.assign(event, { type: 'forged' })).toThrow(TypeError);
    });
    events.stream.subscribe((event) => seen.push(event));
    emit();
    reject();
    expect(seen.map(({ type }) => type)).toEqual(['created', 'rejected']);
    expect(seen.every((event) => Object.isFrozen(event))).toBe(true);
  });

  it('S-116: names a session by a keyed hash of its id', () => {
    const { events } = createEvents();
    const sids = Array.from({ length: 10_000 }, newSessionId);
    const names = sids.map((sid) => events.nameOf(sid));
    expect(new Set(names).size).toBe(10_000);
    expect(names.every((name) => /^[\w-]{16}$/.test(name))).toBe(true);
    expect(names.some((name, i) => sids[i]!.includes(name))).toBe(false);
    expect(names).toEqual(sids.map((sid) => events.nameOf(sid)));
  });

  it('S-116: gives a session another name under another key', () => {
    const sid = newSessionId();
    const own = createEvents().events.nameOf(sid);
    expect(createEvents(KEY).events.nameOf(sid)).toBe(own);
    expect(createEvents(randomBytes(32)).events.nameOf(sid)).not.toBe(own);
    const unkeyed = createHmac('sha256', '').update(sid).digest('base64url');
    expect(unkeyed).not.toContain(own);
  });

  it('S-116: no event holds the id, whatever the type', () => {
    const { events, claims, emit, reject } = createEvents();
    const seen: SessionEvent[] = [];
    events.stream.subscribe((event) => seen.push(event));
    emit();
    reject();
    events.ofSession(claims, { type: 'reloaded' });
    events.ofSession(claims, { type: 'undelivered' });
    events.ofSession(claims, {
      type: 'ended',
      reason: 'revoked',
      reach: 'process',
    });
    events.ofSession(claims, {
      type: 'loaderFailed',
      code: 'LOADER_UNAVAILABLE',
      error: new Error('down'),
    });
    for (const repeated of [true, false]) {
      events.ofSession(claims, { type: 'refreshed', repeated });
    }
    events.ofSession(claims, { type: 'refreshReused' });
    for (const lost of ['rotation', 'everything'] as const) {
      events.ofSession(claims, { type: 'storeRolledBack', lost });
    }
    events.allEnded(claims.sub, 2);
    events.storeFailed('rotate', new Error('down'));
    expect(new Set(seen.map(({ type }) => type)).size).toBe(11);
    expect(seen).toHaveLength(13);
    const printed = inspect(seen, { depth: null, showHidden: true });
    for (const secret of [claims.sid, claims.jti]) {
      expect(printed).not.toContain(secret);
      expect(JSON.stringify(seen)).not.toContain(secret);
    }
  });

  it('S-116: nothing of a token gets into an event, whatever is handed over with the session', () => {
    const { events, claims } = createEvents();
    const seen: SessionEvent[] = [];
    events.stream.subscribe((event) => seen.push(event));
    // The claims of a refresh token as they are, with its secret part.
    const refresh = refreshClaimsOf(claims, { gen: 3 });
    events.ofSession(refresh, { type: 'refreshed', repeated: false });
    events.ofSession(refresh, { type: 'refreshReused' });
    events.ofSession(refresh, {
      type: 'ended',
      reason: 'reused',
      reach: 'store',
    });
    expect(seen.map((event) => Object.keys(event).toSorted())).toEqual([
      ['at', 'repeated', 'session', 'subject', 'type'],
      ['at', 'session', 'subject', 'type'],
      ['at', 'reach', 'reason', 'session', 'subject', 'type'],
    ]);
    const printed = inspect(seen, { depth: null, showHidden: true });
    for (const secret of [refresh.sid, refresh.jti]) {
      for (let at = 0; at + 8 <= secret.length; at += 1) {
        expect(printed).not.toContain(secret.slice(at, at + 8));
      }
    }
  });

  it('tells of refreshes, theft, ends in the store and stores that fail', () => {
    const { events, claims } = createEvents();
    const seen: SessionEvent[] = [];
    events.stream.subscribe((event) => seen.push(event));
    const error = new Error('ECONNREFUSED');
    events.ofSession(claims, { type: 'refreshed', repeated: true });
    events.ofSession(claims, { type: 'refreshReused' });
    events.ofSession(claims, { type: 'storeRolledBack', lost: 'rotation' });
    for (const reason of ['reused', 'limit', 'replaced', 'revoked'] as const) {
      events.ofSession(claims, { type: 'ended', reason, reach: 'store' });
    }
    events.allEnded('ada', 3);
    events.storeFailed('endAll', error);
    const at = new Date(NOW * 1000);
    const session = events.nameOf(claims.sid);
    const ofSession = { at, session, subject: 'ada' };
    const ended = { ...ofSession, type: 'ended', reach: 'store' };
    expect(seen).toEqual([
      { ...ofSession, type: 'refreshed', repeated: true },
      { ...ofSession, type: 'refreshReused' },
      { ...ofSession, type: 'storeRolledBack', lost: 'rotation' },
      { ...ended, reason: 'reused' },
      { ...ended, reason: 'limit' },
      { ...ended, reason: 'replaced' },
      { ...ended, reason: 'revoked' },
      { type: 'allEnded', at, subject: 'ada', count: 3 },
      { type: 'storeFailed', at, operation: 'endAll', error },
    ]);
    expect((seen.at(-1) as { error: unknown }).error).toBe(error);
    expect(seen.every((event) => Object.isFrozen(event))).toBe(true);
    // What the store threw is not ours to freeze.
    expect(Object.isFrozen(error)).toBe(false);
  });

  it('tells who asks for some types of those alone, and makes no event that nobody asked for', () => {
    let made = 0;
    const events = new SessionEvents(() => {
      made += 1;
      return NOW;
    });
    const some: string[] = [];
    events
      .ofTypes(new Set(['refreshReused', 'allEnded']))
      .subscribe(({ type }) => some.push(type));
    events.ofSession(claimsOf(), { type: 'created' });
    expect(made).toBe(0);
    const all: string[] = [];
    events.stream.subscribe(({ type }) => all.push(type));
    events.ofSession(claimsOf(), { type: 'created' });
    events.ofSession(claimsOf(), { type: 'refreshReused' });
    events.allEnded('ada', 1);
    expect(some).toEqual(['refreshReused', 'allEnded']);
    expect(all).toEqual(['created', 'refreshReused', 'allEnded']);
  });

  it('costs nothing while nobody listens: no session is named', () => {
    let names = 0;
    const events = new SessionEvents(() => {
      names += 1;
      return NOW;
    });
    events.ofSession(claimsOf(), { type: 'refreshReused' });
    events.allEnded('ada', 1);
    events.storeFailed('read', new Error('down'));
    events.rejected('TOKEN_INVALID', 'signature');
    expect(names).toBe(0);
  });

  describe('A-184: is not harmed by', () => {
    it.each(THROWING)('%s that throws', async (_kind, subscribe) => {
      const { events, emit } = createEvents();
      const before: SessionEvent[] = [];
      const after: SessionEvent[] = [];
      const unhandled = await unhandledIn(() => {
        events.stream.subscribe((event) => before.push(event));
        subscribe(events.stream);
        events.stream.subscribe((event) => after.push(event));
        expect(emit).not.toThrow();
        expect(emit).not.toThrow();
        expect(() => events.complete()).not.toThrow();
      });
      expect(unhandled).toEqual([]);
      expect(before).toHaveLength(2);
      expect(after).toHaveLength(2);
    });

    it.each<[string, (listener: () => unknown) => () => unknown]>([
      ['throws', (listener) => listener],
      ['rejects', (listener) => async () => listener()],
      [
        'returns a thenable that fails',
        (listener) => () => ({
          // oxlint-disable-next-line unicorn/no-thenable -- a listener may return anything
          get then() {
            return listener();
          },
        }),
      ],
    ])(
      'a listener that %s: it stays subscribed, and each fault is reported',
      async (_kind, ofListener) => {
        const { events, emit, faults } = createEvents();
        let calls = 0;
        const listener = ofListener(() => {
          calls += 1;
          return calls > 2 ? undefined : fails();
        });
        const subscriptions = [
          events.stream.subscribe(listener),
          events.stream.subscribe({ next: listener }),
          events.stream
            .pipe(map((event) => event.type))
            .subscribe({ next: listener, error: fails }),
        ];
        const unhandled = await unhandledIn(() => {
          emit();
          emit();
          emit();
        });
        expect(calls).toBe(9);
        expect(subscriptions.map(({ closed }) => closed)).toEqual([
          false,
          false,
          false,
        ]);
        expect(faults).toEqual([
          ['listener', FAULT],
          ['listener', FAULT],
        ]);
        expect(unhandled).toEqual([]);
      },
    );

    it('an operator that throws: it ends its own pipe, which is reported where no error listener hears of it', () => {
      const { events, emit, faults } = createEvents();
      const heard: unknown[] = [];
      const silent = events.stream.pipe(map(fails)).subscribe();
      events.stream
        .pipe(map(fails))
        .subscribe({ error: (error) => heard.push(error) });
      emit();
      emit();
      expect(silent.closed).toBe(true);
      expect(faults).toEqual([['operator', FAULT]]);
      expect(heard).toEqual([FAULT]);
    });

    it('an operator that throws before retry(): the pipe goes on with the next event', () => {
      const { events, emit, reject, faults } = createEvents();
      const seen: string[] = [];
      events.stream
        .pipe(
          map((event) => (event.type === 'created' ? fails() : event.type)),
          retry(),
        )
        .subscribe((type) => seen.push(type));
      emit();
      reject();
      emit();
      reject();
      expect(seen).toEqual(['rejected', 'rejected']);
      expect(faults).toEqual([]);
    });

    it('a finalizer that throws, however its subscription ends', () => {
      const { events, emit, faults } = createEvents();
      const after: SessionEvent[] = [];
      events.stream.pipe(take(1), finalize(fails)).subscribe();
      events.stream.pipe(finalize(fails)).subscribe();
      events.stream.subscribe((event) => after.push(event));
      expect(emit).not.toThrow();
      expect(() => events.complete()).not.toThrow();
      expect(after).toHaveLength(1);
      expect(new Set(faults.map(([fault]) => fault))).toEqual(
        new Set(['operator']),
      );
    });

    it('a log that throws when a fault is reported', () => {
      const events = new SessionEvents(() => NOW, fails);
      let calls = 0;
      events.stream.subscribe(() => {
        calls += 1;
        fails();
      });
      events.rejected('TOKEN_INVALID', 'signature');
      events.rejected('TOKEN_INVALID', 'signature');
      expect(calls).toBe(2);
    });

    it('a listener that throws at the end', async () => {
      const { events } = createEvents();
      let completed = 0;
      const unhandled = await unhandledIn(() => {
        events.stream.subscribe({ complete: fails });
        events.stream.subscribe({ complete: () => (completed += 1) });
        expect(() => events.complete()).not.toThrow();
      });
      expect(unhandled).toEqual([]);
      expect(completed).toBe(1);
    });

    it('an asynchronous listener that rejects', async () => {
      const { events, emit } = createEvents();
      const rejected = new Promise<void>((resolve) => {
        events.stream.subscribe(async () => {
          setImmediate(resolve);
          await Promise.resolve();
          fails();
        });
      });
      const others: SessionEvent[] = [];
      events.stream.subscribe((event) => others.push(event));
      emit();
      await rejected;
      // An unhandled rejection would end the process; Jest fails the test for it.
      await turn();
      emit();
      expect(others).toHaveLength(2);
    });

    it('an asynchronous listener that never comes to an end', () => {
      const { events, emit } = createEvents();
      const others: SessionEvent[] = [];
      events.stream.subscribe(() => new Promise(() => undefined));
      events.stream.subscribe((event) => others.push(event));
      emit();
      emit();
      expect(others).toHaveLength(2);
    });

    it('while the same faults of a plain stream would reach the process', async () => {
      const plain = new Subject<number>();
      const unhandled = await unhandledIn(() => {
        plain.subscribe(fails);
        plain.next(1);
      });
      expect(unhandled).toHaveLength(1);
    });
  });

  it('tells a listener of the fault of its own pipe', async () => {
    const { events, emit } = createEvents();
    const errors: unknown[] = [];
    await unhandledIn(() => {
      events.stream
        .pipe(map(fails))
        .subscribe({ error: (error) => errors.push(error) });
      emit();
      emit();
    });
    expect(errors).toEqual([new Error('a fault of the listener')]);
  });

  it('calls the methods of an observer as its own', () => {
    const { events, emit } = createEvents();
    class Counter {
      count = 0;
      next() {
        this.count += 1;
      }
    }
    const counter = new Counter();
    events.stream.subscribe(counter);
    emit();
    expect(counter.count).toBe(1);
  });

  it('passes events on to a subject', () => {
    const { events, emit } = createEvents();
    const subject = new Subject<SessionEvent>();
    const seen: SessionEvent[] = [];
    subject.subscribe((event) => seen.push(event));
    events.stream.subscribe(subject);
    emit();
    expect(seen).toHaveLength(1);
  });

  it('tells nothing any more to a listener that has left', () => {
    const { events, emit } = createEvents();
    const seen: string[] = [];
    const plain = events.stream.subscribe(() => seen.push('plain'));
    const piped = events.stream
      .pipe(map((event) => event.type))
      .subscribe(() => seen.push('piped'));
    emit();
    plain.unsubscribe();
    emit();
    piped.unsubscribe();
    emit();
    expect(seen).toEqual(['plain', 'piped', 'piped']);
  });

  it('lets a listener leave while it is told something', () => {
    const { events, emit } = createEvents();
    const seen: string[] = [];
    const once = events.stream.subscribe(() => {
      seen.push('once');
      once.unsubscribe();
    });
    events.stream.subscribe(() => seen.push('always'));
    emit();
    emit();
    expect(seen).toEqual(['once', 'always', 'always']);
  });

  it('is an observable like any other: it can be awaited and collected', async () => {
    const { events, emit, reject } = createEvents();
    expect(events.stream).toBeInstanceOf(Observable);
    const first = firstValueFrom(events.stream);
    const all = lastValueFrom(
      events.stream.pipe(
        map(({ type }) => type),
        toArray(),
      ),
    );
    emit();
    reject();
    events.complete();
    expect((await first).type).toBe('created');
    expect(await all).toEqual(['created', 'rejected']);
  });

  it('comes to an end once, and says nothing after it', () => {
    const { events, emit } = createEvents();
    const seen: string[] = [];
    events.stream.subscribe({
      next: () => seen.push('next'),
      complete: () => seen.push('complete'),
    });
    emit();
    events.complete();
    events.complete();
    emit();
    expect(seen).toEqual(['next', 'complete']);
  });
});
