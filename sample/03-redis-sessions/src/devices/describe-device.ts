import type { IncomingHttpHeaders } from 'node:http';
import type { SessionMetadata, SessionRequest } from 'nestjs-session-jwt';

/** What Express and Fastify requests have in common. */
export interface ClientRequest extends SessionRequest {
  readonly headers: IncomingHttpHeaders;
  /** Behind a proxy it is that of the proxy, unless the application trusts it (`trust proxy`, `trustProxy`). */
  readonly ip?: string;
}

const LONGEST_LABEL = 40;

/** Where a session begins. All of it is said by the client and good for showing only, never for a decision. */
export function describeDevice(
  { headers, ip }: ClientRequest,
  label: unknown,
): SessionMetadata {
  const name =
    typeof label === 'string' ? label.trim().slice(0, LONGEST_LABEL) : '';
  return {
    ...(ip && { ip }),
    userAgent: nameOfBrowser(headers['user-agent']),
    ...(name && { label: name }),
  };
}

/** The first that matches counts: Edge calls itself Chrome too, and Chrome calls itself Safari. */
const BROWSERS: readonly [name: string, mark: RegExp][] = [
  ['Edge', /\bEdg(e|A|iOS)?\//],
  ['Opera', /\bOPR\//],
  ['Samsung Internet', /\bSamsungBrowser\//],
  ['Firefox', /\b(Firefox|FxiOS)\//],
  ['Chrome', /\b(HeadlessChrome|Chrome|CriOS)\//],
  ['Safari', /\bSafari\//],
  ['curl', /^curl\//],
];
const SYSTEMS: readonly [name: string, mark: RegExp][] = [
  ['iPhone', /\biPhone\b/],
  ['iPad', /\biPad\b/],
  ['Android', /\bAndroid\b/],
  ['Windows', /\bWindows\b/],
  ['Mac', /\bMacintosh\b/],
  ['ChromeOS', /\bCrOS\b/],
  ['Linux', /\bLinux\b/],
];

/** `Firefox on Linux`: what a person recognises of a user agent. */
export function nameOfBrowser(userAgent = ''): string {
  const find = (names: typeof BROWSERS): string | undefined =>
    names.find(([, mark]) => mark.test(userAgent))?.[0];
  const system = find(SYSTEMS);
  const browser = find(BROWSERS) ?? 'Unknown browser';
  return system ? `${browser} on ${system}` : browser;
}
