import { createHash } from 'node:crypto';
import {
  CHALLENGE_HEADER,
  challengeHeader,
  REGISTRATION_HEADER,
  registrationHeader,
} from '../../binding/binding-headers.js';
import {
  REFRESH_SECONDS,
  type DeviceChallenges,
  type OfferedSession,
} from '../../binding/device-challenges.js';
import { SessionConfigError } from '../../errors/session-config-error.js';
import { coversPath } from '../../options/resolve-binding-options.js';
import type { ResolvedSessionJwtOptions } from '../../options/resolved-options.js';
import { headerOf, type RequestFacts } from '../../ports/request-facts.js';
import { always, type Dispatch } from '../model/dispatch.js';
import { cookieAttributes } from '../../transports/token-cookie.js';

/** What browsers must know to keep a session bound: Device Bound Session Credentials, section 9. */
export class BindingInstructions {
  readonly #options: ResolvedSessionJwtOptions;
  readonly #challenges: DeviceChallenges;
  #path = '/session/device';

  constructor(
    options: ResolvedSessionJwtOptions,
    challenges: DeviceChallenges,
  ) {
    this.#options = options;
    this.#challenges = challenges;
  }

  /**
   * Notes where the routes are.
   *
   * @param routes the path of the ready-made routes as the application serves them
   * @throws {SessionConfigError} if browsers would not send the cookies there
   */
  mount(routes: string): void {
    const { deviceBinding, cookie, refresh } = this.#options;
    this.#path = `${deviceBinding?.path ?? routes}/device`;
    const faults = [
      { at: 'cookie.path', path: cookie.path },
      { at: 'refreshToken.cookie.path', path: refresh?.cookie.path ?? '/' },
    ].filter(({ path }) => !coversPath(path, this.#path));
    if (faults.length > 0) {
      throw new SessionConfigError(
        faults.map(
          ({ at, path }) =>
            `${at}: deviceBinding needs a path that covers '${this.#path}', where browsers refresh bound sessions, got '${path}'; set a shorter one, or deviceBinding.path if a proxy changes paths`,
        ),
      );
    }
  }

  /** Offers the binding of a new session. */
  offer(session: OfferedSession): Dispatch {
    const challenge = this.#challenges.forRegistration(session);
    return headerDispatch(
      REGISTRATION_HEADER,
      registrationHeader(this.#path, challenge),
    );
  }

  /** Returns the value of the header that asks for a proof. */
  challenge(facts: RequestFacts, sid: string): string {
    return challengeHeader(
      this.#challenges.forRefresh(sid),
      this.#identifierFor(facts),
    );
  }

  /** Returns a challenge for the next refresh, which then needs one request less, if it comes before the challenge ends. */
  challengeAhead(facts: RequestFacts, sid: string): Dispatch | undefined {
    const { accessSeconds = Infinity } = this.#options.refresh ?? {};
    return accessSeconds < REFRESH_SECONDS
      ? headerDispatch(CHALLENGE_HEADER, this.challenge(facts, sid))
      : undefined;
  }

  /** Returns the body that makes a browser keep the session cookie fresh. */
  of(facts: RequestFacts): object {
    const { cookie } = this.#options;
    const initiators = this.#initiators(facts);
    return {
      session_identifier: this.#identifierFor(facts),
      refresh_url: `${this.#path}/refresh`,
      scope: { include_site: false },
      credentials: [
        {
          type: 'cookie',
          name: cookie.name,
          attributes: cookieAttributes(cookie),
        },
      ],
      ...(initiators.length > 0 && { allowed_refresh_initiators: initiators }),
    };
  }

  /**
   * Names the binding: the same for every sign-in at one host, so that a browser replaces the key of the former session
   * when it registers another one.
   */
  #identifierFor(facts: RequestFacts): string {
    const { issuer, audience, cookie } = this.#options;
    const realm = [hostOf(facts), issuer, audience, cookie.name, cookie.path];
    return createHash('sha256')
      .update(JSON.stringify(realm))
      .digest('base64url');
  }

  /**
   * Returns the hosts of trusted origins whose pages may cause a refresh: those of the same site, which are certain to be
   * that only below the domain of the cookie or below the host.
   */
  #initiators(facts: RequestFacts): readonly string[] {
    const { csrf, cookie } = this.#options;
    const own = hostOf(facts).replace(/:\d+$/, '');
    const site = cookie.domain ?? own;
    return [...csrf.trustedOrigins]
      .map((origin) => new URL(origin).hostname)
      .filter(
        (host) => host !== own && (host === site || host.endsWith(`.${site}`)),
      );
  }
}

function hostOf(facts: RequestFacts): string {
  const forwarded = headerOf(facts, 'x-forwarded-host')?.split(',')[0]?.trim();
  return (forwarded || headerOf(facts, 'host') || '').toLowerCase();
}

/** A header for the browser itself: scripts of other origins must not read it. */
function headerDispatch(name: string, value: string): Dispatch {
  return always([{ kind: 'header', name, value, isExposed: false }]);
}
