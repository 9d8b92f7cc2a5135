import type { SessionTokenStorage } from '../../lib/client/index.js';

/** Expo SecureStore as far as it refuses something. */
const NAME = /^[\w.-]+$/;
const MAX_BYTES = 2048;

/** What a crash leaves unsettled. */
const NEVER = new Promise<never>(() => undefined);

/** The storage of a device, which outlives its clients. */
export class FakeStorage implements SessionTokenStorage {
  readonly values = new Map<string, string>();
  /** Each call: `get name`, `set name` or `delete name`. */
  readonly calls: string[] = [];
  /** Awaited before a call does what it does; may reject. */
  before: (call: string) => Promise<void> | void = () => undefined;

  async get(name: string): Promise<string | null> {
    await this.#called(`get ${name}`, name);
    return this.values.get(name) ?? null;
  }

  async set(name: string, value: string | null): Promise<void> {
    await this.#called(`${value === null ? 'delete' : 'set'} ${name}`, name);
    if (value === null) {
      this.values.delete(name);
    } else if (Buffer.byteLength(value) > MAX_BYTES) {
      throw new RangeError(`${Buffer.byteLength(value)} bytes`);
    } else {
      this.values.set(name, value);
    }
  }

  /** The calls of a kind so far. */
  count(kind: 'get' | 'set' | 'delete'): number {
    return this.calls.filter((call) => call.startsWith(`${kind} `)).length;
  }

  /** From now on, only so many more calls do anything: then the app is killed. */
  killAfter(calls: number): void {
    let left = calls;
    this.before = () => {
      left -= 1;
      return left < 0 ? NEVER : undefined;
    };
  }

  /** What the next start of the app finds. */
  restarted(): FakeStorage {
    const next = new FakeStorage();
    for (const [name, value] of this.values) next.values.set(name, value);
    return next;
  }

  async #called(call: string, name: string): Promise<void> {
    if (!NAME.test(name)) throw new TypeError(`invalid name ${name}`);
    this.calls.push(call);
    await this.before(call);
  }
}
