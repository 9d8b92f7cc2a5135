import type { RefreshLink } from '../../../lib/session/model/refresh-chain.js';
import { claimsIn } from '../../support/session-claims.js';
import type { Answer } from './http-call.js';

export type ClientKind = 'cookie' | 'bearer';

interface Held {
  readonly value: string;
  /** When the client forgets it. */
  readonly until: number;
}

const COOKIE = /^((?:__[\w-]+-)?session(-refresh)?)=([^;]*)/;

/** What a client keeps of its session: a browser its cookies, another client both tokens. */
export class ClientTokens {
  readonly #held = new Map<'session' | 'refresh', Held & { name: string }>();

  constructor(readonly kind: ClientKind) {}

  /** For somebody who copies them, and goes another way from there. */
  copy(): ClientTokens {
    const copy = new ClientTokens(this.kind);
    for (const [which, held] of this.#held) copy.#held.set(which, held);
    return copy;
  }

  get isEmpty(): boolean {
    return this.#held.size === 0;
  }

  forget(): void {
    this.#held.clear();
  }

  /** Its place in the chain of rotations; -1 without one. */
  get generation(): number {
    const refresh = this.#held.get('refresh');
    return refresh
      ? (claimsIn(refresh.value) as Partial<RefreshLink>).gen!
      : -1;
  }

  get sessionId(): string {
    return claimsIn(this.#held.get('refresh')?.value).sid;
  }

  /** When the refresh token was issued and expires. */
  get refreshTimes(): { readonly iat: number; readonly exp: number } {
    return claimsIn(this.#held.get('refresh')?.value);
  }

  /** When the session token expires; 0 without one. */
  sessionEnd(now: number): number {
    const session = this.#valid('session', now);
    return session ? claimsIn(session.value).exp : 0;
  }

  /** What a request carries. */
  headers(now: number): Record<string, string> {
    const session = this.#valid('session', now);
    if (this.kind === 'bearer') {
      return session ? { authorization: `Bearer ${session.value}` } : {};
    }
    const pairs = [session, this.#valid('refresh', now)].flatMap((held) =>
      held ? [`${held.name}=${held.value}`] : [],
    );
    return pairs.length > 0 ? { cookie: pairs.join('; ') } : {};
  }

  /** What a request for new tokens carries besides. */
  refreshBody(): object {
    const refresh = this.#held.get('refresh');
    return this.kind === 'bearer' && refresh
      ? { refreshToken: refresh.value }
      : {};
  }

  /** Takes the tokens that an answer brings, and forgets those that it clears. */
  absorb({ headers, body }: Answer, now: number): void {
    if (this.kind === 'cookie') {
      for (const line of headers['set-cookie'] ?? []) {
        this.#absorbCookie(line, now);
      }
      return;
    }
    const { token, refreshToken } = (body ?? {}) as Record<string, unknown>;
    this.#keep('session', token ?? headers['session-token']);
    this.#keep('refresh', refreshToken ?? headers['session-refresh-token']);
  }

  /** Whether the answer brings a refresh token. */
  isRefreshedBy({ headers, body }: Answer): boolean {
    return this.kind === 'cookie'
      ? (headers['set-cookie'] ?? []).some((line) => {
          const [, , suffix, value] = COOKIE.exec(line) ?? [];
          return suffix !== undefined && value !== '';
        })
      : typeof (body as { refreshToken?: unknown } | undefined)
          ?.refreshToken === 'string';
  }

  #absorbCookie(line: string, now: number): void {
    const [, name, suffix, value] = COOKIE.exec(line) ?? [];
    if (name === undefined) return;
    const which = suffix ? 'refresh' : 'session';
    const age = Number(/; Max-Age=(\d+)/i.exec(line)?.[1] ?? Infinity);
    if (value === '' || age === 0) {
      this.#held.delete(which);
    } else {
      this.#held.set(which, { name, value: value!, until: now + age });
    }
  }

  #keep(which: 'session' | 'refresh', value: unknown): void {
    if (typeof value === 'string') {
      this.#held.set(which, { name: which, value, until: Infinity });
    }
  }

  #valid(which: 'session' | 'refresh', now: number) {
    const held = this.#held.get(which);
    return held && held.until > now ? held : undefined;
  }
}
