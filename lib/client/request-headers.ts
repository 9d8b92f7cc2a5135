import { readCookie } from './page.js';
import type { SessionClientOptions } from './session-client-options.js';

const SAFE = /^(?:GET|HEAD|OPTIONS)$/;
const PASSIVE = 'session-passive';

/** What a request of the session carries besides cookies. */
export function authorize(
  { headers, method }: Request,
  token: string | undefined,
  csrf: SessionClientOptions['csrf'],
): void {
  if (token !== undefined && !headers.has('authorization')) {
    headers.set('authorization', `Bearer ${token}`);
  }
  if (csrf && !SAFE.test(method)) {
    const value = 'value' in csrf ? csrf.value : csrfCookie(csrf);
    if (value !== undefined) headers.set(csrf.header, value);
  }
}

/** The CSRF token that a cookie brings, if the options name one. */
export function csrfCookie(
  csrf: SessionClientOptions['csrf'],
): string | undefined {
  return csrf && 'cookie' in csrf ? readCookie(csrf.cookie) : undefined;
}

/** Says to the server that a request is no activity of the user; whether it says so now, or did before. */
export function markPassive(
  { headers }: Request,
  isPassive: boolean | undefined,
): boolean {
  if (isPassive) headers.set(PASSIVE, '?1');
  return headers.has(PASSIVE);
}
