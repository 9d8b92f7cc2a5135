import { LateCallError } from '../../lib/errors/late-call-error.js';
import type { SessionClock } from '../../lib/ports/clock.js';
import type {
  BindOptions,
  BindVerdict,
  CreateOptions,
  CreateVerdict,
  HashedRefreshLink,
  NewSessionRecord,
  PresentedRefresh,
  RotationVerdict,
  SessionChange,
  SessionRecord,
} from '../../lib/ports/session-store.js';
import { MemorySessionStore } from '../../lib/stores/memory-session-store.js';

/** A store with one fault, and a test that must find it. */
export type FaultyStore = readonly [
  title: string,
  store: new () => MemorySessionStore,
  test: string,
];

type Named = [id: string, subject: string];
type Bind = [...Named, key: string, options?: BindOptions];
type Rotate = [...Named, presented: PresentedRefresh];

/** Presents the key of the session, whatever the caller presented. */
async function withItsKey(
  store: MemorySessionStore,
  ...[id, subject, presented]: Rotate
): Promise<PresentedRefresh> {
  const deviceKey = (await store.read(id, subject))?.deviceKey;
  return { ...presented, ...(deviceKey !== undefined && { deviceKey }) };
}

/** A store that keeps and compares keys in a form of its own. */
function comparing(form: (key: string) => string): FaultyStore[1] {
  return class extends MemorySessionStore {
    override bind(...[id, subject, key, options]: Bind): Promise<BindVerdict> {
      return super.bind(id, subject, form(key), options);
    }

    override rotate(
      ...[id, subject, presented]: Rotate
    ): Promise<RotationVerdict> {
      const { deviceKey } = presented;
      return super.rotate(id, subject, {
        ...presented,
        ...(deviceKey !== undefined && { deviceKey: form(deviceKey) }),
      });
    }
  };
}

/** A store that continues a chain only under a condition, which it checks before it waits for something. */
function continuing(
  doesContinue: (from: HashedRefreshLink, current: number) => boolean,
  wait?: () => Promise<void>,
): FaultyStore[1] {
  return class extends MemorySessionStore {
    readonly #current = new Map<string, number>();

    override async bind(
      ...[id, subject, key, options]: Bind
    ): Promise<BindVerdict> {
      const from = options?.continuesFrom;
      const isContinued =
        from && doesContinue(from, this.#current.get(id) ?? 0);
      await wait?.();
      return super.bind(id, subject, key, isContinued ? options : {});
    }

    override async rotate(...call: Rotate): Promise<RotationVerdict> {
      const verdict = await super.rotate(...call);
      const [id, , { generation }] = call;
      if (verdict === 'rotated') this.#current.set(id, generation + 1);
      return verdict;
    }
  };
}

/** Stores with one fault each in their bindings. */
export const FAULTY_BINDINGS: readonly FaultyStore[] = [
  [
    'compares the key before it sets it',
    class extends MemorySessionStore {
      override async bind(
        ...[id, subject, key, options]: Bind
      ): Promise<BindVerdict> {
        const record = await this.read(id, subject);
        const verdict = await super.bind(id, subject, key, options);
        return record && !record.deviceKey ? 'bound' : verdict;
      }
    },
    'binds to one of 50 concurrent keys; the second ends the session, 10 times',
  ],
  [
    'refuses a second key without ending the session',
    class extends MemorySessionStore {
      override async bind(
        ...[id, subject, key, options]: Bind
      ): Promise<BindVerdict> {
        const known = (await this.read(id, subject))?.deviceKey ?? key;
        return known === key
          ? super.bind(id, subject, key, options)
          : 'conflict';
      }
    },
    "answers 'conflict' to another key, and ends the session",
  ],
  [
    'takes the same key again for another one',
    class extends MemorySessionStore {
      override async bind(
        ...[id, subject, key, options]: Bind
      ): Promise<BindVerdict> {
        const known = (await this.read(id, subject))?.deviceKey;
        return super.bind(
          id,
          subject,
          known === key ? `${key} again` : key,
          options,
        );
      }
    },
    "answers 'bound' to the same key again, and changes nothing",
  ],
  [
    'counts a binding as use',
    class extends MemorySessionStore {
      override async bind(
        ...[id, subject, key, options]: Bind
      ): Promise<BindVerdict> {
        const extend = { idleSeconds: 1_000, absoluteSeconds: 5_000 };
        await this.update(id, subject, { extend });
        return super.bind(id, subject, key, options);
      }
    },
    'does not count a binding as use',
  ],
  [
    'creates what it binds',
    class extends MemorySessionStore {
      override async bind(
        ...[id, subject, key, options]: Bind
      ): Promise<BindVerdict> {
        const verdict = await super.bind(id, subject, key, options);
        if (verdict !== 'unknown') return verdict;
        const lifetime = { idleSeconds: 1_000, absoluteSeconds: 5_000 };
        const record = { id, subject, params: 0, attributes: {}, metadata: {} };
        await this.create({ ...record, lifetime });
        return super.bind(id, subject, key, options);
      }
    },
    "answers 'unknown' without a record, and creates none",
  ],
  [
    'revives a session that ends while it is bound',
    class extends MemorySessionStore {
      override async bind(
        ...[id, subject, key, options]: Bind
      ): Promise<BindVerdict> {
        const record = await this.read(id, subject);
        const verdict = await super.bind(id, subject, key, options);
        if (!record || verdict === 'bound') return verdict;
        const lifetime = { idleSeconds: 1_000, absoluteSeconds: 5_000 };
        await this.create({ ...record, lifetime });
        return super.bind(id, subject, key, options);
      }
    },
    'revives nothing when a binding races the end of its session, 100 times',
  ],
  [
    'leaves a mark of every session that it was to bind',
    class extends MemorySessionStore {
      readonly #log: string[] = [];
      override bind(...call: Bind): Promise<BindVerdict> {
        this.#log.push(call[0]);
        return super.bind(...call);
      }
    },
    "answers 'unknown' at the idle end of an unbound session, and retains nothing",
  ],
  [
    'knows the time, but no deadline of a binding',
    class extends MemorySessionStore {
      override async now(): Promise<Date> {
        return new Date(0);
      }
    },
    'refuses bind after the deadline, and changes nothing',
  ],
  [
    'carries out no binding with a deadline',
    class extends MemorySessionStore {
      override async bind(
        ...[id, subject, key, options]: Bind
      ): Promise<BindVerdict> {
        return options?.notAfter
          ? 'unknown'
          : super.bind(id, subject, key, options);
      }
    },
    'carries out bind within the deadline',
  ],
  [
    'lists sessions without their keys',
    class extends MemorySessionStore {
      override async list(
        ...call: Parameters<MemorySessionStore['list']>
      ): Promise<SessionRecord[]> {
        const records = await super.list(...call);
        for (const record of records) {
          Reflect.deleteProperty(record, 'deviceKey');
        }
        return records;
      }
    },
    'keeps the keys of the sessions of one subject apart',
  ],
  [
    'binds by subject',
    class extends MemorySessionStore {
      override async bind(
        ...[id, subject, key, options]: Bind
      ): Promise<BindVerdict> {
        for (const other of await this.list(subject)) {
          if (!other.deviceKey) await super.bind(other.id, subject, key);
        }
        return super.bind(id, subject, key, options);
      }
    },
    'keeps the keys of the sessions of one subject apart',
  ],
  [
    'loses the key at a change',
    class extends MemorySessionStore {
      override async update(
        ...[id, subject, change]: [...Named, SessionChange]
      ): Promise<SessionRecord | undefined> {
        const changed = await super.update(id, subject, change);
        if (!changed) return undefined;
        const { deviceKey: _, ...record } = changed;
        return record;
      }
    },
    'binds a session, and returns the key from every method',
  ],
  [
    'knows no key of a session with another attribute of that name',
    class extends MemorySessionStore {
      override async read(
        ...call: Parameters<MemorySessionStore['read']>
      ): Promise<SessionRecord | undefined> {
        const record = await super.read(...call);
        const { deviceKey } = record?.attributes ?? {};
        return record && { ...record, ...(deviceKey ? { deviceKey: '' } : {}) };
      }
    },
    'keeps the key at changes, uses and rotations of every kind',
  ],
  [
    'returns keys in another form',
    comparing((key) => `key: ${key}`),
    'binds to a key of 1,024 bytes',
  ],
  [
    'normalises keys',
    comparing((key) => key.normalize()),
    'distinguishes two keys in two Unicode normalisations',
  ],
  [
    'ignores the case of keys',
    comparing((key) => key.toLowerCase()),
    'distinguishes two keys in different case',
  ],
  [
    'trims keys',
    comparing((key) => key.trim()),
    'distinguishes two keys that differ in a trailing space',
  ],
  [
    'cuts keys at NUL',
    comparing((key) => key.split('\0')[0]!),
    'distinguishes two keys that differ after a NUL',
  ],
  [
    'cuts long keys',
    comparing((key) => key.slice(0, 255)),
    'distinguishes two keys that differ in the last of 1,024 bytes',
  ],
  [
    'keeps keys as numbers',
    comparing((key) => String(Number(key))),
    'distinguishes two keys that are equal numbers',
  ],
  [
    'rotates without a proof',
    class extends MemorySessionStore {
      override async rotate(...call: Rotate): Promise<RotationVerdict> {
        const [id, subject] = call;
        return super.rotate(id, subject, await withItsKey(this, ...call));
      }
    },
    'requires the key of every token from the binding on, and of none before',
  ],
  [
    'decides on the token before it looks for a proof',
    class extends MemorySessionStore {
      override async rotate(...call: Rotate): Promise<RotationVerdict> {
        const [id, subject, presented] = call;
        const record = await this.read(id, subject);
        const verdict = await super.rotate(
          id,
          subject,
          await withItsKey(this, ...call),
        );
        return record?.deviceKey === presented.deviceKey ? verdict : 'unproven';
      }
    },
    "answers 'unproven' to the first token of a bound session, without a key, and changes nothing",
  ],
  [
    'accepts any key',
    class extends MemorySessionStore {
      override async rotate(...call: Rotate): Promise<RotationVerdict> {
        const [id, subject, presented] = call;
        return super.rotate(
          id,
          subject,
          presented.deviceKey === undefined
            ? presented
            : await withItsKey(this, ...call),
        );
      }
    },
    "answers 'unproven' to the current token of a bound session, with another key, and changes nothing",
  ],
  [
    'notes the use of a token without a proof',
    class extends MemorySessionStore {
      override async rotate(...call: Rotate): Promise<RotationVerdict> {
        const verdict = await super.rotate(...call);
        const [id, subject, { generation }] = call;
        if (verdict === 'unproven') {
          await this.confirmUse(id, subject, generation);
        }
        return verdict;
      }
    },
    'confirms no token that is presented without the key',
  ],
  [
    'extends the grace period without a proof',
    class extends MemorySessionStore {
      readonly #extended = new Set<string>();
      override async rotate(
        ...[id, subject, presented]: Rotate
      ): Promise<RotationVerdict> {
        const verdict = await super.rotate(id, subject, {
          ...presented,
          ...(this.#extended.has(id) && { graceSeconds: 900 }),
        });
        if (verdict === 'unproven') this.#extended.add(id);
        return verdict;
      }
    },
    'extends no grace period at a presentation without the key',
  ],
  [
    'refuses a key that it does not know',
    class extends MemorySessionStore {
      override async rotate(...call: Rotate): Promise<RotationVerdict> {
        const [id, subject, { deviceKey }] = call;
        const known = (await this.read(id, subject))?.deviceKey;
        return deviceKey === known ? super.rotate(...call) : 'unproven';
      }
    },
    'ignores the key where a session is not bound',
  ],
  [
    'looks for a proof before it looks at the clock',
    class extends MemorySessionStore {
      readonly #bound = new Set<string>();
      override bind(...call: Bind): Promise<BindVerdict> {
        this.#bound.add(call[0]);
        return super.bind(...call);
      }
      override async rotate(...call: Rotate): Promise<RotationVerdict> {
        const [id, , { deviceKey }] = call;
        return this.#bound.has(id) && deviceKey === undefined
          ? 'unproven'
          : super.rotate(...call);
      }
    },
    "answers 'expired' to the current token at the idle end of a bound session, without its key",
  ],
  [
    'loses a binding in a rotation that began before it',
    class extends MemorySessionStore {
      readonly #lost = new Set<string>();
      override async rotate(...call: Rotate): Promise<RotationVerdict> {
        const [id, subject] = call;
        const wasBound = (await this.read(id, subject))?.deviceKey;
        const verdict = this.#lost.has(id)
          ? await super.rotate(id, subject, await withItsKey(this, ...call))
          : await super.rotate(...call);
        const isBound = (await this.read(id, subject))?.deviceKey;
        if (!wasBound && isBound) this.#lost.add(id);
        return verdict;
      }
    },
    'decides on a token that races the binding as before it or after it, 100 times',
  ],
  [
    'ends a bound session at every presentation of its key',
    class extends MemorySessionStore {
      override async rotate(...call: Rotate): Promise<RotationVerdict> {
        const [id, subject, { deviceKey }] = call;
        const record = await this.read(id, subject);
        if (!record?.deviceKey || record.deviceKey !== deviceKey) {
          return super.rotate(...call);
        }
        await this.end(id, subject);
        return 'reused';
      }
    },
    "answers 'rotated' to the current token of a bound session, with its key",
  ],
  [
    'takes every token of a bound session for the current one',
    class extends MemorySessionStore {
      override async rotate(...call: Rotate): Promise<RotationVerdict> {
        const [id, subject, { deviceKey }] = call;
        const record = await this.read(id, subject);
        return record?.deviceKey && record.deviceKey === deviceKey
          ? 'rotated'
          : super.rotate(...call);
      }
    },
    "answers 'reused' to the first token of a bound session, with its key",
  ],
  [
    'ignores the token that a chain continues from',
    class extends MemorySessionStore {
      override bind(...[id, subject, key]: Bind): Promise<BindVerdict> {
        return super.bind(id, subject, key);
      }
    },
    'continues from the first token, of which a copy was exchanged once before the binding',
  ],
  [
    'ignores the token that a chain continues from where a deadline comes with it',
    class extends MemorySessionStore {
      override bind(
        ...[id, subject, key, options]: Bind
      ): Promise<BindVerdict> {
        const isTimed = options?.notAfter !== undefined;
        return super.bind(id, subject, key, isTimed ? {} : options);
      }
    },
    'continues a chain within the deadline',
  ],
  [
    'moves a chain back by one generation at most',
    continuing((from, current) => from.generation >= current - 1),
    'continues from the first token, of which a copy was exchanged twice before the binding',
  ],
  [
    'moves a chain back, but not ahead',
    continuing((from, current) => from.generation <= current),
    'continues from a token ahead of the record',
  ],
  [
    'leaves a chain alone whose current token the browser holds',
    continuing((from, current) => from.generation !== current),
    'leaves the token that a chain continues from without a parent',
  ],
  [
    'leaves a chain alone whose current token the browser held when the binding arrived',
    continuing(
      (from, current) => from.generation !== current,
      () => Promise.resolve(),
    ),
    'continues a chain while a copy without the key presents the same token, 50 times',
  ],
  [
    'knows the recoveries of a chain from before it continued',
    class extends MemorySessionStore {
      readonly #recovered = new Map<string, number>();
      override async rotate(...call: Rotate): Promise<RotationVerdict> {
        const [id, subject, { generation }] = call;
        const verdict = await super.rotate(...call);
        if (verdict !== 'recovered') return verdict;
        if (this.#recovered.get(id) === generation - 1) {
          await this.end(id, subject);
          return 'reused';
        }
        this.#recovered.set(id, generation);
        return verdict;
      }
    },
    'allows a recovery again in a chain that continues',
  ],
  [
    'counts the token that a chain continues from as never used',
    class extends MemorySessionStore {
      override async create(
        ...[record, options]: [NewSessionRecord, CreateOptions?]
      ): Promise<CreateVerdict> {
        const others = await this.list(record.subject);
        const bound = others.find(({ deviceKey }) => deviceKey !== undefined);
        if (!options?.limit || !bound) return super.create(record, options);
        await this.end(bound.id, record.subject);
        await super.create(record);
        return { kind: 'created', ended: [bound.id] };
      }
    },
    'counts the token that a chain continues from as used, not the session',
  ],
  [
    'moves the chain at every binding',
    class extends MemorySessionStore {
      override async bind(
        ...[id, subject, key, options]: Bind
      ): Promise<BindVerdict> {
        const record = await this.read(id, subject);
        if (record?.deviceKey === key && options?.continuesFrom) {
          await this.end(id, subject);
          const lifetime = { idleSeconds: 1_000, absoluteSeconds: 5_000 };
          await this.create({ ...record, lifetime });
        }
        return super.bind(id, subject, key, options);
      }
    },
    'leaves the chain as it is at every binding after the first one',
  ],
  [
    'moves the chain of a session that is bound already',
    class extends MemorySessionStore {
      readonly #unmoved = new Map<string, string>();
      override async bind(
        ...[id, subject, key, options]: Bind
      ): Promise<BindVerdict> {
        const known = this.#unmoved.get(id);
        if (options?.continuesFrom && known === key) {
          const record = await this.read(id, subject);
          if (!record) return 'unknown';
          await this.end(id, subject);
          const lifetime = { idleSeconds: 1_000, absoluteSeconds: 5_000 };
          await this.create({ ...record, lifetime });
        }
        if (options?.continuesFrom) this.#unmoved.delete(id);
        else this.#unmoved.set(id, key);
        return super.bind(id, subject, key, options);
      }
    },
    'leaves the chain as it is after a binding that continued none',
  ],
  [
    'takes the token that a chain continues from for the proof of another key',
    class extends MemorySessionStore {
      override async bind(
        ...[id, subject, key, options]: Bind
      ): Promise<BindVerdict> {
        const known = (await this.read(id, subject))?.deviceKey ?? key;
        const isProven = options?.continuesFrom !== undefined;
        return super.bind(id, subject, isProven ? known : key, options);
      }
    },
    'continues no chain with another key, which ends the session',
  ],
  [
    'continues a chain before it looks at the deadline',
    class extends MemorySessionStore {
      #clock: SessionClock | undefined;
      override useClock(clock: SessionClock): void {
        super.useClock(clock);
        this.#clock = clock;
      }
      override async now(): Promise<Date> {
        return new Date(this.#clock!.nowSeconds() * 1000);
      }
      override async bind(...call: Bind): Promise<BindVerdict> {
        const verdict = await super.bind(...call);
        const { notBefore, notAfter } = call[3] ?? {};
        const now = await this.now();
        if ((notBefore && now < notBefore) || (notAfter && now >= notAfter)) {
          throw new LateCallError(now);
        }
        return verdict;
      }
    },
    'continues no chain after the deadline',
  ],
];
