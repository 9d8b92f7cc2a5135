/** A client that is connected to a gateway. */
export interface TestClient {
  /** Sends a message to the handler of `@SubscribeMessage(event)`. */
  send(event: string, data?: unknown): void;
  /**
   * Returns the data of the next message of an event, including those that have arrived before: the answer of a handler,
   * or `'exception'` for a refusal, `{ status, message, errorCode }`. What a handler of socket.io returns without an event
   * counts as the event that was sent.
   *
   * @throws {Error} if the connection closes first
   */
  next(event: string): Promise<unknown>;
  /** Resolves when the connection closes: to the close code of `ws` (4401, 4410), or to the reason of socket.io. */
  readonly closed: Promise<number | string>;
  /** Closes the connection. */
  close(): void;
}

interface Waiting {
  readonly resolve: (data: unknown) => void;
  readonly reject: (error: Error) => void;
}

/** Keeps the messages of a connection until a test asks for them. */
export class Inbox {
  readonly #arrived = new Map<string, unknown[]>();
  readonly #waiting = new Map<string, Waiting[]>();
  #end: number | string | undefined;
  #noteEnd: (end: number | string) => void = () => undefined;
  readonly #closed = new Promise<number | string>((resolve) => {
    this.#noteEnd = resolve;
  });

  /** Takes a message of `ws` in Nest's format; others have no event, and are dropped. */
  take(text: string): void {
    const { event, data } = parse(text);
    if (typeof event === 'string') this.add(event, data);
  }

  add(event: string, data: unknown): void {
    const first = this.#waiting.get(event)?.shift();
    if (first) first.resolve(data);
    else this.#listOf(this.#arrived, event).push(data);
  }

  close(end: number | string): void {
    this.#end = end;
    this.#noteEnd(end);
    for (const waiting of [...this.#waiting.values()].flat()) {
      waiting.reject(closedWith(end));
    }
    this.#waiting.clear();
  }

  clientOf(connection: Pick<TestClient, 'send' | 'close'>): TestClient {
    return {
      ...connection,
      closed: this.#closed,
      next: (event) => this.#next(event),
    };
  }

  async #next(event: string): Promise<unknown> {
    const arrived = this.#listOf(this.#arrived, event);
    if (arrived.length > 0) {
      return arrived.shift();
    }
    if (this.#end !== undefined) {
      throw closedWith(this.#end);
    }
    return new Promise((resolve, reject) => {
      this.#listOf(this.#waiting, event).push({ resolve, reject });
    });
  }

  #listOf<T>(lists: Map<string, T[]>, event: string): T[] {
    const list = lists.get(event) ?? [];
    lists.set(event, list);
    return list;
  }
}

function closedWith(end: number | string): Error {
  return new Error(`the connection was closed: ${end}`);
}

function parse(text: string): { event?: unknown; data?: unknown } {
  try {
    const message: unknown = JSON.parse(text);
    return typeof message === 'object' && message !== null ? message : {};
  } catch {
    return {};
  }
}
