import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type {
  ExecutionContext,
  HttpException,
  INestApplicationContext,
} from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { SessionGuard, type ActiveSession } from '../../lib/index.js';

/** A request and its response as node makes them, without a connection: for many at once, or one by hand. */
export interface NodeExchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

export function createExchange(
  headers: Record<string, string> = {},
  method = 'GET',
): NodeExchange {
  const request = new IncomingMessage(new Socket());
  request.method = method;
  request.url = '/';
  for (const [name, value] of Object.entries({
    host: 'app.example',
    ...headers,
  })) {
    request.headers[name.toLowerCase()] = value;
    request.rawHeaders.push(name, value);
  }
  return { request, response: new ServerResponse(request) };
}

/** The `Set-Cookie` lines that a response brings, once its head is written. */
export function cookiesOf({ response }: NodeExchange): string[] {
  if (!response.headersSent) {
    response.writeHead(200);
  }
  return [response.getHeader('set-cookie') ?? []].flat().map(String);
}

/** Name and value of the first cookie of a response, as the next request sends it. */
export function nextCookie(lines: readonly string[]): string | undefined {
  return lines[0]?.split(';')[0];
}

/** How the guard judges a request: what HTTP would show of it, without a connection. */
export interface GuardVerdict {
  readonly status: number;
  readonly setCookie: readonly string[];
  readonly session: ActiveSession | undefined;
}

/** Sends a request through the guard alone, as for a handler that asks for a session. */
export async function throughGuard(
  app: INestApplicationContext,
  cookie: string,
): Promise<GuardVerdict> {
  const exchange = createExchange({ cookie });
  const status = await Promise.resolve()
    .then(() => app.get(SessionGuard).canActivate(contextOf(exchange)))
    .then((isAdmitted) => (isAdmitted ? 200 : 403))
    .catch((error: HttpException) => error.getStatus());
  const { session } = exchange.request as { session?: ActiveSession };
  return { status, setCookie: cookiesOf(exchange), session };
}

class ClosedController {
  handle(): void {
    // Never runs: the guard reads its metadata, of which it has none.
  }
}

export function contextOf({
  request,
  response,
}: NodeExchange): ExecutionContext {
  return new ExecutionContextHost(
    [request, response],
    ClosedController,
    // oxlint-disable-next-line typescript/unbound-method -- only its metadata is read
    ClosedController.prototype.handle,
  );
}
