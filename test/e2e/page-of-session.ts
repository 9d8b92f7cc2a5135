import type { Type } from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { Passive, SessionGuard, type ActiveSession } from '../../lib/index.js';
import {
  cookiesOf,
  createExchange,
  type NodeExchange,
} from '../support/node-exchange.js';
import type { TestApp } from '../support/test-app.js';

/** A handler of each kind; they never run. */
export class Clicks {
  handle(): void {}
}

@Passive()
export class Polls {
  handle(): void {}
}

/** What the guard of an application says of a request for a handler, without a connection. */
export async function statusAt(
  app: TestApp,
  { request, response }: NodeExchange,
  controller: Type<{ handle(): void }> = Clicks,
): Promise<number> {
  const context = new ExecutionContextHost(
    [request, response],
    controller,
    // oxlint-disable-next-line typescript/unbound-method -- only its metadata is read
    controller.prototype.handle,
  );
  try {
    return (await app.app.get(SessionGuard).canActivate(context)) ? 200 : 403;
  } catch (error) {
    return (error as { getStatus(): number }).getStatus();
  }
}

/** A page that is open in a browser, which drops cookies at the end of their `Max-Age`. */
export class OpenPage {
  readonly cookies = new Map<string, { value: string; until: number }>();
  session: ActiveSession | undefined;

  constructor(readonly app: TestApp) {}

  static async signIn(app: TestApp, options: object = {}): Promise<OpenPage> {
    const page = new OpenPage(app);
    const exchange = createExchange();
    const { response } = exchange;
    await app.sessions.generate('ada', { response, ...options });
    page.take(exchange);
    return page;
  }

  /** One request, answered at once. */
  async send(
    controller: Type<{ handle(): void }>,
    headers: Record<string, string> = {},
  ): Promise<number> {
    const exchange = this.request(headers);
    const status = await statusAt(this.app, exchange, controller);
    this.session = (exchange.request as { session?: ActiveSession }).session;
    this.take(exchange);
    return status;
  }

  click(): Promise<number> {
    return this.send(Clicks);
  }

  poll(): Promise<number> {
    return this.send(Polls);
  }

  request(headers: Record<string, string> = {}): NodeExchange {
    const now = this.app.clock.nowSeconds();
    const cookie = [...this.cookies]
      .filter(([, { until }]) => now < until)
      .map(([name, { value }]) => `${name}=${value}`)
      .join('; ');
    return createExchange({ ...(cookie && { cookie }), ...headers });
  }

  /** Writes the head of an answer, and keeps the cookies that it brings; their lines. */
  take(exchange: NodeExchange): string[] {
    const lines = cookiesOf(exchange);
    for (const line of lines) {
      const [, name, value, age] =
        /^([^=]+)=([^;]*)(?:; Max-Age=(\d+))?/.exec(line) ?? [];
      const until =
        age === undefined
          ? Infinity
          : this.app.clock.nowSeconds() + Number(age);
      this.cookies.set(name!, { value: value!, until });
    }
    return lines;
  }

  cookie(name = '__Host-Http-session'): string | undefined {
    return this.cookies.get(name)?.value;
  }
}
