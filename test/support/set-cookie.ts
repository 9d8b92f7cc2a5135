import { CookieJar } from 'tough-cookie';
import { Browser, ORIGIN, type TestResponse } from './browser.js';

export const COOKIE = '__Host-Http-session';

/** The lines of a response for one cookie name. */
export function linesOf(response: TestResponse, name = COOKIE): string[] {
  return response.setCookie.filter((line) => line.startsWith(`${name}=`));
}

/** The lines of a response for every other name. */
export function otherLinesOf(response: TestResponse, name = COOKIE): string[] {
  return response.setCookie.filter((line) => !line.startsWith(`${name}=`));
}

/** The value that a line sets. */
export function valueOf(line: string | undefined): string {
  return line?.slice(line.indexOf('=') + 1).split(';')[0] ?? '';
}

/** The line that makes a browser forget the cookie with the default options. */
export const CLEARED = `${COOKIE}=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax`;

/** The fields of a comma-separated header, in lower case. */
export function fieldsOf(header: string | undefined): string[] {
  return (header ?? '')
    .split(',')
    .map((field) => field.trim().toLowerCase())
    .filter((field) => field !== '');
}

/** A browser with the same cookies, which goes its own way from here. */
export async function copyOf(browser: Browser): Promise<Browser> {
  const copy = new Browser(browser.port);
  await CookieJar.deserialize(await browser.jar.serialize(), copy.jar.store);
  return copy;
}

/** What a jar holds of one name, with the attributes that tell cookies apart. */
export async function cookiesIn(
  browser: Browser,
  url = ORIGIN,
): Promise<string[]> {
  const cookies = await browser.jar.getCookies(url, { allPaths: true });
  return cookies
    .map(({ key, domain, path }) => `${key} ${domain} ${path}`)
    .toSorted();
}

/** The line that clears the default cookie of refresh tokens. */
export const CLEARED_REFRESH = `${COOKIE}-refresh=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax`;

/** The lines that clear the default cookies of a pair in a partition, where a request brings one of them twice. */
export const [CLEARED_PARTITIONED, CLEARED_REFRESH_PARTITIONED] = [
  COOKIE,
  `${COOKIE}-refresh`,
].map(
  (name) =>
    `${name}=; Max-Age=0; Path=/; HttpOnly; Secure; Partitioned; SameSite=None`,
) as [string, string];
