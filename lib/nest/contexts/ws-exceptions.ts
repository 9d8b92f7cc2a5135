import type { ExecutionContext } from '@nestjs/common';

/** A client of a gateway. Those of `ws` emit events as well, but only in this process. */
interface GatewayClient {
  readonly readyState?: unknown;
  send?(text: string): void;
  emit(event: string, payload: unknown): unknown;
  on(event: string, listener: (payload: unknown) => void): unknown;
}

/** The event by which Nest answers a message that was refused. */
const EXCEPTION = 'exception';
/** What Nest says of an error that was not made for clients. */
const UNKNOWN = 'Internal server error';

/** The errors that Nest is about to emit, for each client of `ws`. */
const awaited = new WeakMap<GatewayClient, Set<unknown>>();

/** Answers a message with an exception, as Nest 12 does. */
export function sendException(client: GatewayClient, payload: object): void {
  if (isNative(client)) {
    client.send(JSON.stringify({ event: EXCEPTION, data: payload }));
  } else {
    client.emit(EXCEPTION, payload);
  }
}

/**
 * Runs a guard so that the client of a `ws` gateway receives the error that the guard throws. Nest 11 emits it on the
 * server's client only, where no one listens. Nest 12, socket.io and filters of the application send it themselves.
 */
export function answered<T>(
  context: ExecutionContext,
  run: () => T | Promise<T>,
): T | Promise<T> {
  if (context.getType<string>() !== 'ws') {
    return run();
  }
  const fail = (error: unknown): never => {
    sendWhenEmitted(context.switchToWs().getClient(), error);
    throw error;
  };
  try {
    const result = run();
    return result instanceof Promise ? result.catch(fail) : result;
  } catch (error) {
    return fail(error);
  }
}

function sendWhenEmitted(client: GatewayClient, error: unknown): void {
  if (!isNative(client)) return;
  const errors = awaited.get(client) ?? listenTo(client);
  const content = contentOf(error);
  errors.add(content);
  // No filter runs later: only promises are between it and the guard.
  setImmediate(() => errors.delete(content));
}

function listenTo(client: GatewayClient): Set<unknown> {
  const errors = new Set<unknown>();
  client.on(EXCEPTION, (payload) => {
    const { message } = payload as { message?: unknown };
    if (errors.has(payload) || errors.has(message)) {
      sendException(client, payload as object);
    }
  });
  awaited.set(client, errors);
  return errors;
}

/** Returns what a payload contains of an error: the payload itself, or its text. */
function contentOf(error: unknown): unknown {
  const { getError } = error as { getError?: () => unknown };
  return typeof getError === 'function' ? getError.call(error) : UNKNOWN;
}

/** As Nest 12 distinguishes the clients of `ws` from those of socket.io. */
function isNative(
  client: GatewayClient,
): client is GatewayClient & { send(text: string): void } {
  return (
    typeof client.readyState === 'number' && typeof client.send === 'function'
  );
}
