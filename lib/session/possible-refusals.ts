import type { SessionErrorCode } from '../errors/session-error.js';
import type { ResolvedSessionJwtOptions } from '../options/resolved-options.js';
import { canBeForged } from './request/cross-site.js';
import type { SessionTransports } from './request/session-transports.js';

/** The parts of a module that decide how a request can fail. */
export interface RefusingParts {
  readonly options: Pick<
    ResolvedSessionJwtOptions,
    'csrf' | 'isVerifyOnly' | 'keys' | 'store' | 'revocations'
  >;
  readonly transports: SessionTransports;
  /** `undefined` if the params are the data. */
  readonly loader: unknown;
}

/**
 * Returns one code for each kind of refusal that a guarded route can answer: no session, a proof of who the user is that
 * does not suffice, a forged request, a session that is not authorized, an outage.
 *
 * @param route an optional session is refused only with a forged request
 */
export function possibleRefusals(
  { options, transports, loader }: RefusingParts,
  route: {
    readonly isOptional: boolean;
    readonly method: string;
    /** Whether the route has an `@Authorize()`, which requires a session. */
    readonly isAuthorized?: boolean;
    /** Whether the route has a `@RequireAuthentication()`, which requires a session as well. */
    readonly requiresProof?: boolean;
  },
): readonly SessionErrorCode[] {
  const { csrf, isVerifyOnly, keys, store, revocations } = options;
  const forged: readonly SessionErrorCode[] = canBeForged(
    { transports, csrf },
    route.method,
  )
    ? ['CSRF_REFUSED']
    : [];
  if (route.isOptional) {
    return forged;
  }
  const dependsOnOthers =
    store !== undefined ||
    revocations !== undefined ||
    (loader !== undefined && !isVerifyOnly) ||
    keys.jwksUri !== undefined ||
    keys.provide !== undefined;
  return [
    'TOKEN_MISSING',
    ...(route.requiresProof ? (['REAUTHENTICATION_REQUIRED'] as const) : []),
    ...forged,
    ...(route.isAuthorized ? (['SESSION_FORBIDDEN'] as const) : []),
    ...(dependsOnOthers ? (['LOADER_UNAVAILABLE'] as const) : []),
  ];
}
