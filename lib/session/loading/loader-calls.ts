import { Deadline } from '../../deadline.js';
import { SessionEndedError, SessionError } from '../../errors/session-error.js';
import type { ResolvedLoaderOptions } from '../../options/resolved-options.js';
import type { CallMeter } from '../model/call-meter.js';
import { toFrozenJson } from '../model/json-copy.js';
import type {
  LoadContext,
  SessionDataLoader,
} from '../model/session-data-loader.js';

/** The result of a loader call: fresh data, the end of the session, an outage, or outdated params. */
export type LoadOutcome =
  | { readonly kind: 'loaded'; readonly data: unknown }
  | { readonly kind: 'ended'; readonly error: SessionEndedError }
  | { readonly kind: 'failed'; readonly error: SessionError }
  | { readonly kind: 'params-refused' };

/** Calls the loader with a deadline and a bound on concurrent calls, and interprets the answer. */
export class LoaderCalls {
  /** What the calls show of the loader. */
  readonly meter: CallMeter | undefined;
  readonly #loader: SessionDataLoader<unknown, unknown>;
  readonly #options: ResolvedLoaderOptions;
  readonly #endsSession: (error: unknown) => boolean;
  readonly #waiting = new Set<() => void>();
  #running = 0;

  /** @param endsSession whether an error of the application's framework ends the session */
  constructor(
    loader: SessionDataLoader<unknown, unknown>,
    options: ResolvedLoaderOptions,
    endsSession: (error: unknown) => boolean,
    meter?: CallMeter,
  ) {
    this.#loader = loader;
    this.#options = options;
    this.#endsSession = endsSession;
    this.meter = meter;
  }

  /** Calls the loader. Never rejects. Takes at most `loader.timeout`, including the wait for a place. */
  call(
    params: unknown,
    context: Omit<LoadContext, 'signal'>,
  ): Promise<LoadOutcome> {
    const meter = this.meter;
    const sentAt = meter?.start();
    return new Promise((resolve) => {
      const abort = new LazyAbort();
      const deadline = new Deadline(this.#options.timeoutSeconds * 1000, () => {
        const error = new SessionError(
          'LOADER_UNAVAILABLE',
          `the data loader took longer than ${this.#options.timeoutSeconds} s`,
          { retryAfterSeconds: 1 },
        );
        meter?.failed(context.reason, error, sentAt, 'timeout');
        resolve({ kind: 'failed', error });
        abort.abort(error);
      });
      void this.#inPlace(abort, deadline, () =>
        this.#load(params, {
          ...context,
          get signal() {
            return abort.signal;
          },
        }),
      ).then((outcome) => {
        if (outcome && !abort.isAborted) {
          deadline.clear();
          if (outcome.kind === 'failed') {
            meter?.failed(context.reason, causeOf(outcome.error), sentAt);
          } else {
            meter?.answered(context.reason, sentAt!);
          }
          resolve(outcome);
        }
      });
    });
  }

  /** Runs work when a place is free. An aborted call releases its place immediately. */
  async #inPlace<T>(
    abort: LazyAbort,
    deadline: Deadline,
    work: () => Promise<T>,
  ): Promise<T | undefined> {
    if (this.#running >= this.#options.concurrency) {
      if (!(await this.#freePlace(abort))) {
        return undefined;
      }
      if (deadline.isOver) {
        this.#passOnPlace();
        return undefined;
      }
    } else {
      this.#running += 1;
    }
    let released = false;
    const release = (): void => {
      if (!released) {
        released = true;
        this.#passOnPlace();
      }
    };
    abort.whenAborted = release;
    try {
      return await work();
    } finally {
      release();
    }
  }

  /** Waits for a place. Returns `false` if the call is aborted while it waits. */
  #freePlace(abort: LazyAbort): Promise<boolean> {
    return new Promise((resolve) => {
      const proceed = (): void => resolve(true);
      this.#waiting.add(proceed);
      abort.whenAborted = () => {
        this.#waiting.delete(proceed);
        resolve(false);
      };
    });
  }

  #passOnPlace(): void {
    const [next] = this.#waiting;
    if (next) {
      this.#waiting.delete(next);
      next();
    } else {
      this.#running -= 1;
    }
  }

  async #load(params: unknown, context: LoadContext): Promise<LoadOutcome> {
    try {
      if (
        context.reason !== 'generate' &&
        this.#loader.accepts?.(params) === false
      ) {
        return { kind: 'params-refused' };
      }
      const data = await this.#loader.load(params, context);
      return data === null || data === undefined
        ? {
            kind: 'ended',
            error: new SessionEndedError('the loader found no data'),
          }
        : { kind: 'loaded', data: toFrozenJson(data, 'data') };
    } catch (error) {
      return this.#outcomeOf(error);
    }
  }

  #outcomeOf(error: unknown): LoadOutcome {
    if (error instanceof SessionEndedError) {
      return { kind: 'ended', error };
    }
    if (error instanceof SessionError && error.code === 'NOT_SERIALIZABLE') {
      return { kind: 'failed', error };
    }
    if (this.#options.errorEndsSession || this.#endsSession(error)) {
      return {
        kind: 'ended',
        error: new SessionEndedError('the loader ended the session', {
          cause: error,
        }),
      };
    }
    return {
      kind: 'failed',
      error: new SessionError('LOADER_UNAVAILABLE', 'the data loader failed', {
        cause: error,
        retryAfterSeconds: 1,
      }),
    };
  }
}

/** Returns the loader's error: the one thrown, if it was wrapped. */
function causeOf(error: SessionError): unknown {
  return error.cause ?? error;
}

/** An `AbortController` that exists only for loaders that use their signal. */
class LazyAbort {
  /** Called whenever the call is aborted, with or without a controller. */
  whenAborted: (() => void) | undefined;
  #controller: AbortController | undefined;
  #reason: unknown;

  get isAborted(): boolean {
    return this.#reason !== undefined;
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#reason !== undefined) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  abort(reason: unknown): void {
    this.#reason = reason;
    this.whenAborted?.();
    this.#controller?.abort(reason);
  }
}
