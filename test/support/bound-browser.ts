import { TestDevice } from '../../lib/testing/index.js';
import type { TestSessionClock } from '../../lib/testing/index.js';
import {
  Browser,
  send,
  type TestRequest,
  type TestResponse,
} from './browser.js';
import type { TestApp } from './test-app.js';
import { REFRESH_COOKIE } from './token-pair.js';

const SESSION_COOKIE = /^__(?:Host|Secure)-session=/;

/** The session cookie if sessions are bound: browsers do not bind `__Host-Http-` cookies. */
export const BOUND_COOKIE = '__Host-session';

/** The lines that clear the cookies of a bound session. */
export const BOTH_CLEARED = [BOUND_COOKIE, REFRESH_COOKIE].map(
  (name) => `${name}=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax`,
);

/** The challenge that a response asks a device to sign. */
export function challengeIn({
  headers,
}: Pick<TestResponse, 'headers'>): string {
  return /^"([^"]+)"/.exec(String(headers['secure-session-challenge']))![1]!;
}

/** The challenge of the registration that the response to a sign-in offers. */
export function offerIn({ headers }: Pick<TestResponse, 'headers'>): string {
  const header = String(headers['secure-session-registration']);
  return /challenge="([^"]+)"/.exec(header)![1]!;
}

/** A `Cookie` header with what is left of a bound session. */
export async function cookiesOf(
  browser: Browser,
): Promise<Record<string, string>> {
  const names = [BOUND_COOKIE, REFRESH_COOKIE];
  const values = await Promise.all(names.map((name) => browser.cookie(name)));
  const pairs = names.flatMap((name, i) =>
    values[i] === undefined ? [] : [`${name}=${values[i]}`],
  );
  return pairs.length > 0 ? { Cookie: pairs.join('; ') } : {};
}

/**
 * A browser that binds sessions to its device. As Chromium does, it registers after a sign-in, and refreshes before a
 * request if the session cookie is gone: once, however many requests wait for it.
 */
export class BoundBrowser extends Browser {
  readonly device: TestDevice;
  readonly clock: TestSessionClock;
  /** What it sent by itself. */
  readonly own: { path: string; status: number }[] = [];
  /** The end of the session cookie, by the clock of the test. */
  #cookieEnd: number | undefined;
  #refreshing: Promise<string | undefined> | undefined;

  constructor(
    app: Pick<TestApp, 'port' | 'clock'>,
    algorithm?: 'ES256' | 'RS256',
  ) {
    super(app.port);
    this.clock = app.clock;
    this.device = new TestDevice(
      (path, headers) => this.#sendOwn(path, headers),
      algorithm,
    );
  }

  override cookie(name = BOUND_COOKIE): Promise<string | undefined> {
    return super.cookie(name);
  }

  override async send(given: TestRequest): Promise<TestResponse> {
    await this.expireCookie();
    const skipped = await this.#refreshIfGone();
    const response = await super.send({
      ...given,
      headers: {
        ...(given.headers as Record<string, string>),
        ...(skipped && { 'Secure-Session-Skipped': skipped }),
      },
    });
    await this.device.register({ ...response, body: response.json });
    return response;
  }

  override async take(response: TestResponse): Promise<void> {
    await super.take(response);
    for (const line of response.setCookie) {
      if (SESSION_COOKIE.test(line)) {
        const age = /max-age=(\d+)/i.exec(line)?.[1];
        this.#cookieEnd =
          age === undefined ? undefined : this.clock.nowSeconds() + Number(age);
      }
    }
  }

  /** Forgets the session cookie if its time is over by the clock of the test, which the jar does not know. */
  async expireCookie(): Promise<void> {
    if ((this.#cookieEnd ?? Infinity) <= this.clock.nowSeconds()) {
      await this.dropSessionCookie();
    }
  }

  async dropSessionCookie(): Promise<void> {
    const name = SESSION_COOKIE;
    for (const cookie of await this.jar.getCookies('https://app.example')) {
      if (name.test(`${cookie.key}=`)) {
        await this.jar.store.removeCookie(
          cookie.domain,
          cookie.path,
          cookie.key,
        );
      }
    }
  }

  /** Returns why the request goes on without a session cookie, if it does. */
  async #refreshIfGone(): Promise<string | undefined> {
    if (!this.device.isBound || (await this.cookie())) {
      return undefined;
    }
    this.#refreshing ??= this.device
      .refresh()
      .then(({ status }) =>
        status >= 500 ? 'server_error;session_identifier="x"' : undefined,
      )
      .finally(() => (this.#refreshing = undefined));
    return this.#refreshing;
  }

  async #sendOwn(path: string, headers: Readonly<Record<string, string>>) {
    const cookie = await this.jar.getCookieString(`https://app.example${path}`);
    const response = await send(this.port, {
      method: 'POST',
      path,
      headers: {
        ...headers,
        'Content-Length': '0',
        ...(cookie && { Cookie: cookie }),
      },
    });
    this.own.push({ path, status: response.status });
    await this.take(response);
    return { ...response, body: response.json };
  }
}
