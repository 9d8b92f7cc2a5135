import type { AuthenticationChallenge } from '../errors/session-error.js';
import { MAXIMUM_LIFETIME, type Duration } from '../options/durations.js';
import { OptionReader } from '../options/option-reader.js';
import { isMethodList } from '../tokens/proof-claims.js';
import type { AuthenticationClaims } from '../tokens/session-claims.js';
import { EXPECTED_VALUE } from './authentication-options.js';

/** How, and how recently, the user of a session must have proved who they are. At least one member is required. */
export interface AuthenticationRequirement {
  /**
   * The maximum age of the proof, in whole seconds or with a unit; exactly this age is accepted.
   *
   * @default any age
   */
  maxAge?: Duration;
  /**
   * The classes of which the proof must have one (`acr`, OpenID Connect Core 1.0, section 2), without spaces, in order of
   * preference.
   *
   * @default any class, or none
   */
  acr?: string | readonly string[];
  /**
   * The methods that the proof must all have (`amr`, RFC 8176).
   *
   * @default any methods, or none
   */
  amr?: readonly string[];
}

/** A checked requirement. */
export interface RequiredAuthentication {
  readonly maxAgeSeconds: number | undefined;
  readonly acr: readonly string[] | undefined;
  readonly amr: readonly string[] | undefined;
}

/** Why a proof does not satisfy a requirement. */
export type AuthenticationFault = 'age' | 'acr' | 'amr';

const LONGEST_LIST = 16;

/** Reads a requirement, or what is wrong with it. */
export function readRequirement(given: unknown): {
  readonly required: RequiredAuthentication;
  readonly faults: readonly string[];
} {
  const reader = new OptionReader();
  const { maxAge, acr, amr } = reader.group('options', given ?? null, [
    'maxAge',
    'acr',
    'amr',
  ]);
  const range = { min: 1, max: MAXIMUM_LIFETIME, whole: true };
  const seconds = reader.seconds('maxAge', maxAge, 0, range);
  const classes: unknown = typeof acr === 'string' ? [acr] : acr;
  if (
    classes !== undefined &&
    !(isMethodList(classes) && classes.every((each) => !each.includes(' ')))
  ) {
    const expected = `expected 1 to ${LONGEST_LIST} values without spaces, each ${EXPECTED_VALUE}`;
    reader.fault('acr', expected, acr);
  }
  if (amr !== undefined && !isMethodList(amr)) {
    const expected = `expected an array of 1 to ${LONGEST_LIST} values, each ${EXPECTED_VALUE}`;
    reader.fault('amr', expected, amr);
  }
  if ([maxAge, acr, amr].every((each) => each === undefined)) {
    reader.fault('options', 'expected maxAge, acr or amr, got none of them');
  }
  return {
    faults: reader.faults,
    required: {
      maxAgeSeconds: maxAge === undefined ? undefined : seconds,
      acr: isMethodList(classes) ? Object.freeze([...classes]) : undefined,
      amr: isMethodList(amr) ? Object.freeze([...amr]) : undefined,
    },
  };
}

/**
 * Returns why a proof does not satisfy a requirement; `undefined` if it does. What is absent satisfies nothing. A time
 * ahead of the clock by more than the tolerance says nothing about the age: the clock was set back.
 */
export function authenticationFaultOf(
  { maxAgeSeconds, acr, amr }: RequiredAuthentication,
  proof: AuthenticationClaims,
  toleranceSeconds: number,
  now: number,
): AuthenticationFault | undefined {
  const age = now - proof.auth_time;
  if (
    maxAgeSeconds !== undefined &&
    !(age <= maxAgeSeconds && age >= -toleranceSeconds)
  ) {
    return 'age';
  }
  if (acr && !(proof.acr !== undefined && acr.includes(proof.acr))) {
    return 'acr';
  }
  return amr && !amr.every((method) => proof.amr?.includes(method))
    ? 'amr'
    : undefined;
}

/** Returns the challenge that satisfies all requirements of a handler, so that one proof is enough. */
export function challengeOf(
  requirements: readonly RequiredAuthentication[],
): AuthenticationChallenge {
  const ages = requirements.flatMap(({ maxAgeSeconds }) => maxAgeSeconds ?? []);
  const lists = requirements.flatMap(({ acr }) => (acr ? [acr] : []));
  const [first, ...others] = lists;
  const common = first?.filter((value) =>
    others.every((list) => list.includes(value)),
  );
  // Nothing satisfies requirements that exclude each other.
  const acrValues = common?.length === 0 ? first : common;
  return {
    ...(ages.length > 0 && { maxAge: Math.min(...ages) }),
    ...(acrValues && { acrValues }),
  };
}
