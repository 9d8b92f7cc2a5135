import { createSecretKey } from 'node:crypto';
import { SessionError } from '../../lib/errors/session-error.js';
import {
  KeyRing,
  type KeyRingParts,
  type KeySource,
} from '../../lib/keys/key-ring.js';
import { keysOfPairs, keysOfSecrets } from '../../lib/keys/key-set.js';
import { thumbprintOf } from '../../lib/keys/thumbprint.js';
import type {
  KeyMaterial,
  ResolvedKey,
} from '../../lib/options/resolved-options.js';
import { TestSessionClock } from '../../lib/testing/test-session-clock.js';
import { keyPairs, otherKeyPairs } from '../support/key-pairs.js';
import { OTHER_SECRET, SECRET } from '../support/secrets.js';
import { secretKeys, signingKeyOf } from '../support/token-keys.js';
import { UnhandledErrors } from '../support/unhandled.js';

const MAX_AGE = 300;
const COOL_DOWN = 30;
const NOTHING: KeyMaterial = { secrets: [], keys: [] };

const materialOf = (...secrets: string[]): KeyMaterial => ({
  secrets: secrets.map((secret) => createSecretKey(Buffer.from(secret))),
  keys: [],
});
const kidOf = (secret: string) => signingKeyOf(secretKeys(secret)).kid;

/** A place where keys are kept; tests say what it answers and when. */
class Vault {
  loads = 0;
  readonly signals: AbortSignal[] = [];
  answer: KeyMaterial = materialOf(SECRET);
  failure: unknown;
  /** Awaited before each answer while it is set. */
  gate: Promise<unknown> | undefined;

  readonly source: KeySource = async (signal) => {
    this.loads += 1;
    this.signals.push(signal);
    await this.gate;
    if (this.failure !== undefined) {
      throw this.failure;
    }
    return this.answer;
  };

  /** From now on loads hang; the answer that they get then is the one of that moment. */
  hold(): { release: () => void } {
    let release = () => {};
    this.gate = new Promise<void>((resolve) => {
      release = () => {
        this.gate = undefined;
        resolve();
      };
    });
    return { release: () => release() };
  }
}

function openRing(parts: Partial<KeyRingParts> = {}) {
  const vault = new Vault();
  const clock = new TestSessionClock();
  const failures: unknown[] = [];
  const ring = new KeyRing({
    fixed: NOTHING,
    source: vault.source,
    clock,
    cache: {
      maxAgeSeconds: MAX_AGE,
      coolDownSeconds: COOL_DOWN,
      timeoutSeconds: 5,
    },
    onFailure: (error) => failures.push(error),
    ...parts,
  });
  const slot = ring.slot(({ secrets }) => keysOfSecrets(secrets));
  /** Whether a key of a secret is accepted now. */
  const knows = (secret: string) =>
    slot.current.find(kidOf(secret)) !== undefined;
  return { ring, slot, vault, clock, failures, knows };
}

/** A ring that has its keys. */
async function openLoadedRing(parts: Partial<KeyRingParts> = {}) {
  const opened = openRing(parts);
  await opened.ring.ready();
  return opened;
}

/** What a promise was rejected with. */
async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => {
      throw new Error('it was not rejected');
    },
    (error: unknown) => error,
  );
}

const unhandled = new UnhandledErrors();
beforeAll(() => unhandled.start());
afterAll(() => unhandled.stop());
afterEach(async () => {
  expect(await unhandled.settled()).toEqual([]);
});

describe('a ring whose keys never change', () => {
  const openFixedRing = () =>
    openRing({ source: undefined, fixed: materialOf(SECRET, OTHER_SECRET) });

  it('is ready at once, never gets outdated and has nothing to learn', async () => {
    const { ring, slot, clock, vault, failures } = openFixedRing();
    const { current } = slot;
    for (let year = 0; year < 20; year += 1) {
      expect(ring.ready()).toBeUndefined();
      expect(ring.learn()).toBeUndefined();
      expect(slot.ready()).toBeUndefined();
      expect(slot.learn()).toBeUndefined();
      clock.advance('1y');
    }
    expect(slot.current).toBe(current);
    expect({ loads: vault.loads, failures }).toEqual({
      loads: 0,
      failures: [],
    });
  });

  it('can be reloaded, which changes nothing', async () => {
    const { ring, slot, knows } = openFixedRing();
    const { current } = slot;
    await expect(ring.reload()).resolves.toBeUndefined();
    expect(slot.current).toBe(current);
    expect(knows(OTHER_SECRET)).toBe(true);
    expect(ring.ready()).toBeUndefined();
  });
});

describe('the first load', () => {
  it('is waited for, once by all, and then the keys are there', async () => {
    const { ring, slot, vault, knows } = openRing();
    expect(slot.current.isEmpty).toBe(true);
    const { release } = vault.hold();
    const waiting = Array.from({ length: 100 }, () => slot.ready());
    expect(waiting.every((each) => each instanceof Promise)).toBe(true);
    release();
    await Promise.all(waiting.map(async (each) => each));
    expect(vault.loads).toBe(1);
    expect(knows(SECRET)).toBe(true);
    expect(ring.ready()).toBeUndefined();
    expect(ring.material).toBe(vault.answer);
  });

  it('has what is fixed until the source has answered', () => {
    const { slot, knows } = openRing({ fixed: materialOf(OTHER_SECRET) });
    expect(knows(OTHER_SECRET)).toBe(true);
    expect(slot.ready()).toBeInstanceOf(Promise);
  });

  it('is tried again a second after a failure, not on each request', async () => {
    const { ring, vault, clock, failures, knows } = openRing();
    vault.failure = new Error('down');
    await ring.ready();
    expect(failures).toEqual([vault.failure]);
    for (let i = 0; i < 1_000; i += 1) {
      expect(ring.ready()).toBeUndefined();
    }
    expect(vault.loads).toBe(1);
    for (let second = 2; second <= 10; second += 1) {
      clock.advance(1);
      const waiting = ring.ready();
      expect(waiting).toBeInstanceOf(Promise);
      await waiting;
      expect(vault.loads).toBe(second);
    }
    vault.failure = undefined;
    clock.advance(1);
    await ring.ready();
    expect(knows(SECRET)).toBe(true);
    expect(failures).toHaveLength(9 + 1);
  });
});

describe('the age of keys', () => {
  it.each<[age: number, isLoaded: boolean]>([
    [0, false],
    [MAX_AGE - 1, false],
    [MAX_AGE, true],
    [10 * MAX_AGE, true],
  ])('of %i seconds has them loaded again: %p', async (age, isLoaded) => {
    const { ring, clock, vault } = await openLoadedRing();
    clock.advance(age);
    const waiting = ring.ready();
    expect(waiting !== undefined).toBe(isLoaded);
    await waiting;
    expect(vault.loads).toBe(isLoaded ? 2 : 1);
    expect(ring.ready()).toBeUndefined();
  });

  it('counts from each load, so that a reload begins it anew', async () => {
    const { ring, clock, vault } = await openLoadedRing();
    clock.advance(MAX_AGE - 1);
    await ring.reload();
    clock.advance(MAX_AGE - 1);
    expect(ring.ready()).toBeUndefined();
    clock.advance(1);
    await ring.ready();
    expect(vault.loads).toBe(3);
  });

  it('has a removed key refused after it, and never before (A-012, V-44)', async () => {
    const { ring, clock, vault, knows } = await openLoadedRing();
    vault.answer = materialOf(OTHER_SECRET);
    clock.advance(MAX_AGE - 1);
    await ring.ready();
    expect([knows(SECRET), knows(OTHER_SECRET)]).toEqual([true, false]);
    clock.advance(1);
    await ring.ready();
    expect([knows(SECRET), knows(OTHER_SECRET)]).toEqual([false, true]);
  });
});

describe('a clock that is set back by an hour (F-16)', () => {
  const HOUR = 3_600;

  it('keeps no key longer than its maximum age', async () => {
    const { ring, clock, vault, knows } = await openLoadedRing();
    vault.answer = materialOf(OTHER_SECRET);
    clock.advance(MAX_AGE - 1);
    clock.advance(-HOUR);
    expect(ring.ready()).toBeUndefined();
    clock.advance(1);
    await ring.ready();
    expect([knows(SECRET), knows(OTHER_SECRET)]).toEqual([false, true]);
  });

  it('lengthens no cool-down of unknown keys', async () => {
    const { ring, clock, vault } = await openLoadedRing();
    await ring.learn();
    clock.advance(-HOUR);
    expect(ring.learn()).toBeUndefined();
    clock.advance(COOL_DOWN);
    await ring.learn();
    expect(vault.loads).toBe(3);
  });

  it('lengthens no pause after a failure', async () => {
    const { ring, clock, vault, failures } = await openLoadedRing();
    vault.failure = new Error('down');
    clock.advance(MAX_AGE);
    await ring.ready();
    clock.advance(-HOUR);
    clock.advance(COOL_DOWN - 1);
    expect(ring.ready()).toBeUndefined();
    expect(vault.loads).toBe(2);
    clock.advance(1);
    expect(ring.ready()).toBeUndefined();
    await unhandled.settled();
    expect([vault.loads, failures.length]).toEqual([3, 2]);
  });

  it('a machine that slept, whose monotonic time stood still, has its keys loaded again', async () => {
    const clock = new TestSessionClock();
    clock.monotonicSeconds = () => 0;
    const { ring, vault } = await openLoadedRing({ clock });
    expect(ring.ready()).toBeUndefined();
    clock.advance(MAX_AGE);
    await ring.ready();
    expect(vault.loads).toBe(2);
  });
});

describe('another load', () => {
  it.each<[what: string, answer: KeyMaterial, known: string[]]>([
    ['a key more', materialOf(SECRET, OTHER_SECRET), [SECRET, OTHER_SECRET]],
    ['another key', materialOf(OTHER_SECRET), [OTHER_SECRET]],
    ['none at all', NOTHING, []],
  ])(
    'replaces everything that was known: %s (V-44)',
    async (_what, answer, known) => {
      const { ring, vault, knows } = await openLoadedRing();
      vault.answer = answer;
      await ring.reload();
      expect([SECRET, OTHER_SECRET].filter(knows)).toEqual(known);
      expect(ring.material).toBe(answer);
    },
  );

  it('keeps the same key set when the keys are the same, so that what was verified stays known', async () => {
    const { ring, slot, vault } = await openLoadedRing();
    const { current } = slot;
    vault.answer = materialOf(SECRET);
    await ring.reload();
    expect(slot.current).toBe(current);
    vault.answer = materialOf(SECRET, OTHER_SECRET);
    await ring.reload();
    const other = slot.current;
    expect(other).not.toBe(current);
    vault.answer = materialOf(OTHER_SECRET, SECRET);
    await ring.reload();
    expect(slot.current).not.toBe(other);
  });

  it('gives every purpose its new keys', async () => {
    const { ring, vault, slot } = await openLoadedRing();
    const backwards = ring.slot(({ secrets }) =>
      keysOfSecrets(secrets.toReversed()),
    );
    vault.answer = materialOf(SECRET, OTHER_SECRET);
    await ring.reload();
    expect(slot.current.signing?.kid).toBe(kidOf(SECRET));
    expect(backwards.current.signing?.kid).toBe(kidOf(OTHER_SECRET));
    expect(backwards.ready()).toBeUndefined();
  });

  it('shares nothing with another ring (V-44)', async () => {
    const [one, other] = [openRing(), openRing()];
    other.vault.answer = materialOf(OTHER_SECRET);
    await one.ring.ready();
    await other.ring.ready();
    expect([one.knows(SECRET), one.knows(OTHER_SECRET)]).toEqual([true, false]);
    expect([other.knows(SECRET), other.knows(OTHER_SECRET)]).toEqual([
      false,
      true,
    ]);
    await one.ring.learn();
    expect([one.vault.loads, other.vault.loads]).toEqual([2, 1]);
    await other.ring.learn();
    expect([one.vault.loads, other.vault.loads]).toEqual([2, 2]);
  });
});

describe('a key that nobody knows', () => {
  it('is looked for at once, and found when the source has it by now', async () => {
    const { slot, vault, knows } = await openLoadedRing();
    vault.answer = materialOf(SECRET, OTHER_SECRET);
    expect(knows(OTHER_SECRET)).toBe(false);
    await slot.learn();
    expect(knows(OTHER_SECRET)).toBe(true);
    expect(vault.loads).toBe(2);
  });

  it('loads the keys at most once per cool-down, for 10,000 tokens in parallel or in sequence (A-181)', async () => {
    const { ring, vault, clock } = await openLoadedRing();
    const before = vault.loads;
    await Promise.all(Array.from({ length: 10_000 }, async () => ring.learn()));
    expect(vault.loads - before).toBe(1);
    for (let i = 0; i < 10_000; i += 1) {
      expect(ring.learn()).toBeUndefined();
    }
    expect(vault.loads - before).toBe(1);
    clock.advance(COOL_DOWN - 1);
    expect(ring.learn()).toBeUndefined();
    clock.advance(1);
    await ring.learn();
    expect(vault.loads - before).toBe(2);
  });

  it('costs one load for each cool-down of an hour of flood, whatever its answers are (A-181)', async () => {
    const hour = 3_600;
    for (const failure of [undefined, new Error('down')]) {
      const { ring, vault, clock } = await openLoadedRing({
        cache: {
          maxAgeSeconds: 10 * hour,
          coolDownSeconds: COOL_DOWN,
          timeoutSeconds: 5,
        },
      });
      const before = vault.loads;
      vault.failure = failure;
      for (let second = 0; second < hour; second += 1) {
        await ring.learn();
        await ring.learn();
        clock.advance(1);
      }
      expect(vault.loads - before).toBe(hour / COOL_DOWN);
    }
  });

  it('shares the load that is under way, within the cool-down too', async () => {
    const { ring, vault, knows } = await openLoadedRing();
    const { release } = vault.hold();
    vault.answer = materialOf(OTHER_SECRET);
    const waiting = [ring.learn(), ring.learn(), ring.learn()];
    expect(waiting.every((each) => each instanceof Promise)).toBe(true);
    release();
    await Promise.all(waiting.map(async (each) => each));
    expect(vault.loads).toBe(2);
    expect(knows(OTHER_SECRET)).toBe(true);
  });

  it('leaves the keys as they are when the source fails', async () => {
    const { ring, vault, failures, knows } = await openLoadedRing();
    vault.failure = new Error('down');
    await expect(ring.learn()).resolves.toBeUndefined();
    expect(failures).toEqual([vault.failure]);
    expect(knows(SECRET)).toBe(true);
  });
});

describe('a source that is down', () => {
  it('keeps the last good keys for as long as it lasts, and is reported each time (V-08)', async () => {
    const { ring, vault, clock, failures, knows } = await openLoadedRing();
    vault.failure = new Error('down');
    for (let day = 0; day < 30; day += 1) {
      clock.advance('1d');
      await ring.ready();
      await unhandled.settled();
      expect(knows(SECRET)).toBe(true);
    }
    expect(failures).toHaveLength(30);
    expect(new Set(failures)).toEqual(new Set([vault.failure]));
  });

  it('is waited for once; while it is known to be down nobody waits', async () => {
    const { ring, vault, clock, failures } = await openLoadedRing();
    vault.failure = new Error('down');
    clock.advance(MAX_AGE);
    const first = ring.ready();
    expect(first).toBeInstanceOf(Promise);
    await first;
    expect(ring.ready()).toBeUndefined();
    const { release } = vault.hold();
    clock.advance(COOL_DOWN);
    expect(ring.ready()).toBeUndefined();
    expect(vault.loads).toBe(3);
    expect(ring.ready()).toBeUndefined();
    expect(vault.loads).toBe(3);
    release();
    await unhandled.settled();
    expect(failures).toHaveLength(2);
  });

  it('is asked again once per cool-down, in the background, and its keys are taken when it is back', async () => {
    const { ring, vault, clock, knows } = await openLoadedRing();
    vault.failure = new Error('down');
    clock.advance(MAX_AGE);
    await ring.ready();
    for (let second = 1; second < COOL_DOWN; second += 1) {
      clock.advance(1);
      expect(ring.ready()).toBeUndefined();
    }
    expect(vault.loads).toBe(2);
    vault.failure = undefined;
    vault.answer = materialOf(OTHER_SECRET);
    clock.advance(1);
    expect(ring.ready()).toBeUndefined();
    await unhandled.settled();
    expect(vault.loads).toBe(3);
    expect([knows(SECRET), knows(OTHER_SECRET)]).toEqual([false, true]);
    clock.advance(MAX_AGE);
    expect(ring.ready()).toBeInstanceOf(Promise);
  });

  it.each<[how: string, source: KeySource]>([
    [
      'throws',
      () => {
        throw new TypeError('no network');
      },
    ],
    ['rejects', () => Promise.reject(new TypeError('no network'))],
    ['rejects with nothing', () => Promise.reject(undefined)],
    ['hangs', () => new Promise(() => {})],
  ])(
    'rejects no caller that only reads: it %s (A-015)',
    async (_how, source) => {
      const { ring, failures, slot, clock } = openRing({
        source,
        cache: {
          maxAgeSeconds: MAX_AGE,
          coolDownSeconds: COOL_DOWN,
          timeoutSeconds: 0.02,
        },
      });
      await expect(ring.ready()).resolves.toBeUndefined();
      await expect(ring.learn()).resolves.toBeUndefined();
      clock.advance(MAX_AGE);
      await slot.ready();
      await slot.learn();
      await ring.learn();
      expect(failures).toHaveLength(4);
      expect(slot.current.isEmpty).toBe(true);
    },
  );
});

describe('the deadline of a load', () => {
  const hasty = {
    cache: {
      maxAgeSeconds: MAX_AGE,
      coolDownSeconds: COOL_DOWN,
      timeoutSeconds: 0.02,
    },
  };

  it('ends the wait for a source that hangs, and aborts its signal (A-015)', async () => {
    const { ring, vault, failures } = openRing(hasty);
    const { release } = vault.hold();
    const error = await rejectionOf(ring.reload());
    expect(error).toBeInstanceOf(SessionError);
    expect(failures).toHaveLength(1);
    expect(vault.signals[0]?.aborted).toBe(true);
    expect(vault.signals[0]?.reason).toBe(failures[0]);
    expect((failures[0] as Error).message).toBe(
      'the keys took longer than 0.02 s',
    );
    release();
  });

  it('has what comes too late thrown away (A-015)', async () => {
    const { ring, vault, knows, failures } = openRing(hasty);
    const { release } = vault.hold();
    await ring.ready();
    release();
    await unhandled.settled();
    expect(failures).toHaveLength(1);
    expect(knows(SECRET)).toBe(false);
    expect(ring.material).toBe(NOTHING);
  });

  it('does not report a failure that comes too late (A-015)', async () => {
    const { ring, vault, failures } = openRing(hasty);
    const { release } = vault.hold();
    vault.failure = new Error('too late');
    await ring.ready();
    release();
    await unhandled.settled();
    expect(failures).not.toContain(vault.failure);
    expect(failures).toHaveLength(1);
  });

  it('does not abort a load that was in time, later either', async () => {
    const { ring, vault } = await openLoadedRing(hasty);
    const { release } = vault.hold();
    await rejectionOf(ring.reload());
    expect(vault.signals.map(({ aborted }) => aborted)).toEqual([false, true]);
    release();
  });
});

describe('a reload', () => {
  it('loads whatever the age and the cool-down, and refuses a removed key from then on (A-012, V-44)', async () => {
    const { ring, vault, knows } = await openLoadedRing();
    await ring.learn();
    vault.answer = materialOf(OTHER_SECRET);
    await ring.reload();
    expect(vault.loads).toBe(3);
    expect([knows(SECRET), knows(OTHER_SECRET)]).toEqual([false, true]);
  });

  it('starts anew after a load under way, which may have read what was true before (V-44)', async () => {
    const { ring, vault, clock, knows } = await openLoadedRing();
    clock.advance(MAX_AGE);
    const { release } = vault.hold();
    const reading = ring.ready();
    const reloading = ring.reload();
    release();
    await reading;
    expect(vault.loads).toBe(2);
    expect(knows(SECRET)).toBe(true);
    vault.answer = materialOf(OTHER_SECRET);
    await reloading;
    expect(vault.loads).toBe(3);
    expect([knows(SECRET), knows(OTHER_SECRET)]).toEqual([false, true]);
  });

  it('starts anew after a load under way that fails', async () => {
    const { ring, vault, clock, knows } = await openLoadedRing();
    clock.advance(MAX_AGE);
    const { release } = vault.hold();
    vault.failure = new Error('down');
    const reading = ring.ready();
    const reloading = ring.reload();
    release();
    await reading;
    vault.failure = undefined;
    vault.answer = materialOf(OTHER_SECRET);
    await reloading;
    expect(vault.loads).toBe(3);
    expect(knows(OTHER_SECRET)).toBe(true);
  });

  it('is one load for all who ask for it at once', async () => {
    const { ring, vault } = await openLoadedRing();
    await Promise.all(Array.from({ length: 50 }, () => ring.reload()));
    expect(vault.loads).toBe(2);
  });

  it('says so when it fails, with the reason, and keeps the keys (V-08)', async () => {
    const { ring, vault, failures, knows } = await openLoadedRing();
    vault.failure = new Error('down');
    const error = await rejectionOf(ring.reload());
    expect(error).toBeInstanceOf(SessionError);
    expect(error).toMatchObject({
      code: 'KEYS_UNAVAILABLE',
      cause: vault.failure,
      retryAfterSeconds: 1,
    });
    expect(failures).toEqual([vault.failure]);
    expect(knows(SECRET)).toBe(true);
  });
});

describe('a key that ends', () => {
  const pairOf = (given: Partial<ResolvedKey>): ResolvedKey => ({
    algorithm: 'ES256',
    ...keyPairs.ES256,
    state: 'active',
    endsAt: Infinity,
    ...given,
  });

  function openPairRing() {
    const clock = new TestSessionClock();
    const endsAt = clock.nowSeconds() + 60;
    const ending = pairOf({
      ...otherKeyPairs.ES256,
      state: 'retiring',
      endsAt,
    });
    const { ring, vault } = openRing({
      clock,
      source: undefined,
      fixed: { secrets: [], keys: [pairOf({}), ending] },
    });
    const slot = ring.slot(({ keys }, now) => keysOfPairs(keys, now));
    const kid = thumbprintOf(ending.publicKey.export({ format: 'jwk' }));
    return { slot, clock, kid, endsAt, vault };
  }

  it('is accepted until exactly its until, without a load (A-012)', () => {
    const { slot, clock, kid, endsAt } = openPairRing();
    const before = slot.current;
    clock.set(endsAt - 1);
    expect(slot.current).toBe(before);
    expect(slot.current.find(kid)).toBeDefined();
    clock.set(endsAt);
    expect(slot.current).not.toBe(before);
    expect(slot.current.find(kid)).toBeUndefined();
    expect(slot.current.signing).toEqual(before.signing);
  });

  it('does not come back with a clock that goes back (A-012)', () => {
    const { slot, clock, kid, endsAt } = openPairRing();
    clock.set(endsAt);
    expect(slot.current.find(kid)).toBeUndefined();
    clock.advance(-30);
    expect(slot.current.find(kid)).toBeUndefined();
  });
});
