import { SessionConfigError } from '../errors/session-config-error.js';
import { OptionReader } from '../options/option-reader.js';
import { isAuthenticationValue, isMethodList } from '../tokens/proof-claims.js';
import type { AuthenticationClaims } from '../tokens/session-claims.js';
import type { ClockPolicy } from './model/freshness.js';

/** How a user proved who they are. */
export interface AuthenticationOptions {
  /**
   * When. Whole seconds count.
   *
   * @default now
   */
  time?: Date;
  /**
   * The class of the proof, such as the `acr` of an ID token (OpenID Connect Core 1.0, section 2): 1 to 256 printable
   * ASCII characters without quotes and backslashes.
   *
   * @default none: the session satisfies no `@RequireAuthentication({ acr })`
   */
  acr?: string;
  /**
   * The methods of the proof, such as `['pwd', 'otp']` (RFC 8176): 1 to 16, of the same characters.
   *
   * @default none: the session satisfies no `@RequireAuthentication({ amr })`
   */
  amr?: readonly string[];
}

export const AUTHENTICATION_NAMES = [
  'time',
  'acr',
  'amr',
] as const satisfies readonly (keyof AuthenticationOptions)[];

export const EXPECTED_VALUE =
  'a string of 1 to 256 printable ASCII characters without quotes and backslashes';

/**
 * Reads how a user proved who they are.
 *
 * @param path the prefix of the names in messages
 * @param now the default of the time, which a later one becomes
 */
export function readAuthentication(
  reader: OptionReader,
  path: string,
  { time, acr, amr }: Record<string, unknown>,
  now: number,
): AuthenticationClaims {
  if (acr !== undefined && !isAuthenticationValue(acr)) {
    reader.fault(`${path}acr`, `expected ${EXPECTED_VALUE}`, acr);
  }
  if (amr !== undefined && !isMethodList(amr)) {
    const expected = `expected an array of 1 to 16 values, each ${EXPECTED_VALUE}`;
    reader.fault(`${path}amr`, expected, amr);
  }
  return {
    auth_time: Math.min(secondsOf(reader, `${path}time`, time) ?? now, now),
    ...(acr !== undefined && { acr: acr as string }),
    ...(amr !== undefined && {
      // A copy: the application may change its array.
      amr: Object.freeze([...(amr as readonly string[])]),
    }),
  };
}

/**
 * Reads how the user of a session has proved again who they are.
 *
 * @param present the proof that the session has
 * @throws {SessionConfigError} for an invalid value, and for a time before the present one or in the future
 */
export function readNewProof(
  given: AuthenticationOptions,
  present: AuthenticationClaims,
  { toleranceSeconds }: ClockPolicy,
  now: number,
): AuthenticationClaims {
  const reader = new OptionReader();
  const options = reader.group('options', given, AUTHENTICATION_NAMES);
  // The present time may come from a node whose clock is ahead.
  const latest = Math.max(now, present.auth_time);
  const proof = readAuthentication(reader, '', options, latest);
  const { time } = given;
  const seconds =
    time instanceof Date ? Math.floor(time.getTime() / 1000) : now;
  if (seconds > now + toleranceSeconds) {
    reader.fault('time', 'expected no time in the future', time?.toISOString());
  }
  if (proof.auth_time < present.auth_time) {
    reader.fault(
      'time',
      `expected no time before the last proof, ${new Date(present.auth_time * 1000).toISOString()}`,
      time?.toISOString(),
    );
  }
  if (reader.faults.length > 0) {
    throw new SessionConfigError(
      reader.faults.map((fault) => `reauthenticated: ${fault}`),
    );
  }
  return proof;
}

function secondsOf(
  reader: OptionReader,
  path: string,
  value: unknown,
): number | undefined {
  if (value === undefined) {
    return undefined;
  }
  const seconds =
    value instanceof Date ? Math.floor(value.getTime() / 1000) : NaN;
  if (seconds > 0) {
    return seconds;
  }
  reader.fault(path, 'expected a Date after 1970', value);
  return undefined;
}
