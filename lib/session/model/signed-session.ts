import type {
  RefreshClaims,
  SessionClaims,
} from '../../tokens/session-claims.js';
import type { Dispatch } from './dispatch.js';
import type { VerifiedSession } from './verified-session.js';

/** A session with its newly signed tokens. */
export interface SignedSession {
  readonly session: VerifiedSession & { readonly dispatch: Dispatch };
  readonly token: string;
  readonly refreshToken: string | undefined;
  /** The signing keys in use at that time. */
  readonly keys: object;
  /** When the tokens were signed. Seconds since the Unix epoch. */
  readonly preparedAt: number;
}

/** The claims from which both tokens of a session are made. */
export interface IssuedClaims {
  readonly session: SessionClaims;
  readonly refresh?: RefreshClaims | undefined;
}
