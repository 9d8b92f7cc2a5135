import { ORIGIN, type Browser } from './browser.js';

/** `fetch` of a browser with a cookie jar, and what it was asked. */
export class JarFetch {
  readonly asked: string[] = [];

  constructor(readonly browser: Browser) {}

  readonly fetch: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    const path = request.url.slice(ORIGIN.length);
    this.asked.push(`${request.method} ${path}`);
    const body = await request.text();
    const { status, headers, text } = await this.browser.send({
      method: request.method,
      path,
      headers: {
        ...Object.fromEntries(request.headers),
        // As every `fetch` does.
        ...(request.method === 'POST' &&
          body === '' && { 'content-length': '0' }),
      },
      ...(body !== '' && { body }),
    });
    const brought = Object.entries(headers).filter(
      (header): header is [string, string] => typeof header[1] === 'string',
    );
    return new Response(status === 204 ? null : text, {
      status,
      headers: brought,
    });
  };

  /** What scripts of a page see of the jar. */
  readableCookies(): string {
    return this.browser.jar
      .getCookiesSync(ORIGIN)
      .filter(({ httpOnly }) => !httpOnly)
      .map((cookie) => cookie.cookieString())
      .join('; ');
  }
}
