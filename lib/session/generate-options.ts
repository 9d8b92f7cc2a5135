import { SessionConfigError } from '../errors/session-config-error.js';
import { SessionError } from '../errors/session-error.js';
import type { Duration } from '../options/durations.js';
import { OptionReader } from '../options/option-reader.js';
import type { SessionMetadata } from '../ports/session-store.js';
import { isSubject } from '../tokens/claims-profile.js';
import type {
  AuthenticationClaims,
  SessionClaims,
} from '../tokens/session-claims.js';
import {
  AUTHENTICATION_NAMES,
  readAuthentication,
  type AuthenticationOptions,
} from './authentication-options.js';
import type { ClockPolicy } from './model/freshness.js';
import { toFrozenJson } from './model/json-copy.js';
import type { SessionAttributes } from './model/session-types.js';

/** Options of a new session, apart from its params. An unknown name throws `SessionConfigError`. */
export interface GenerateOptions<TAttributes = SessionAttributes> {
  /** Values that the application attaches to the session. They survive reloads. */
  attributes?: TAttributes;
  /**
   * The user that the session belongs to, 1 to 255 characters.
   *
   * @default the params, if they are a string or a safe integer
   */
  subject?: string;
  /** Shorter lifetimes for this session; they cannot exceed the module's. */
  lifetime?: { idle?: Duration; absolute?: Duration };
  /** A shorter reload interval for this session. */
  dataRefreshInterval?: Duration;
  /**
   * `false`: the session ends with the browser ("don't remember me").
   *
   * @default true
   */
  persistent?: boolean;
  /**
   * The name of the transport that carries the session.
   *
   * @default the first one configured
   */
  transport?: string;
  /**
   * How the user proved who they are. A later time than now becomes now. Both tokens contain it; reloads, refreshes and
   * updates keep it. `SessionService.reauthenticated` replaces it, `@RequireAuthentication()` requires it.
   *
   * @default now, by no stated method
   */
  authentication?: AuthenticationOptions;
  /**
   * Where the session was created, for the list of devices. Kept by the store; values are truncated to 512 characters.
   *
   * @default none
   */
  metadata?: SessionMetadata;
  /**
   * Accepts a sign-in posted by another site (SAML, OpenID Connect `form_post`). That is login CSRF unless the request
   * carries a separate proof.
   *
   * @default false
   */
  crossSite?: boolean;
}

const NAMES = [
  'attributes',
  'subject',
  'lifetime',
  'dataRefreshInterval',
  'persistent',
  'transport',
  'authentication',
  'metadata',
  'crossSite',
] as const satisfies readonly (keyof GenerateOptions)[];

const HINTS = { authenticatedAt: 'unknown option; use authentication.time' };

const METADATA_NAMES = [
  'ip',
  'userAgent',
  'label',
] as const satisfies readonly (keyof SessionMetadata)[];
const MAXIMUM_METADATA_LENGTH = 512;

/** The claims that the caller of `generate` requests. */
export type RequestedClaims = Pick<
  SessionClaims,
  'sub' | 'params' | 'attrs' | 'per' | 'idl' | 'abs' | 'int'
> &
  AuthenticationClaims;

/**
 * Reads the params and options of `generate`.
 *
 * @throws {SessionError} `SUBJECT_REQUIRED`, `NOT_SERIALIZABLE`
 * @throws {SessionConfigError} for an invalid option
 */
export function readGenerateOptions(
  params: unknown,
  options: GenerateOptions<any>,
  policy: ClockPolicy,
  now: number,
): RequestedClaims {
  const reader = new OptionReader();
  reader.group('options', options, NAMES, HINTS);
  const lifetime = reader.group('lifetime', options.lifetime, [
    'idle',
    'absolute',
  ]);
  const range = { min: 1, max: Number.MAX_SAFE_INTEGER, whole: true };
  const idle = Math.min(
    policy.idleSeconds,
    reader.seconds('lifetime.idle', lifetime['idle'], Infinity, range),
  );
  const absolute = Math.min(
    policy.absoluteSeconds,
    reader.seconds('lifetime.absolute', lifetime['absolute'], Infinity, range),
  );
  const interval = Math.min(
    policy.intervalSeconds,
    reader.seconds(
      'dataRefreshInterval',
      options.dataRefreshInterval,
      Infinity,
      range,
    ),
  );
  if (Math.min(idle, absolute) <= interval) {
    reader.fault(
      'lifetime',
      `expected more than the dataRefreshInterval (${interval} s), got ${Math.min(idle, absolute)} s; pass a shorter dataRefreshInterval as well`,
    );
  }
  const isPersistent = reader.boolean('persistent', options.persistent, true);
  reader.boolean('crossSite', options.crossSite, false);
  const metadata = reader.group('metadata', options.metadata, METADATA_NAMES);
  for (const name of METADATA_NAMES) {
    if (!['string', 'undefined'].includes(typeof metadata[name])) {
      reader.fault(`metadata.${name}`, 'expected a string', metadata[name]);
    }
  }
  const authentication = readAuthentication(
    reader,
    'authentication.',
    reader.group(
      'authentication',
      options.authentication,
      AUTHENTICATION_NAMES,
    ),
    now,
  );
  if (reader.faults.length > 0) {
    throw new SessionConfigError(
      reader.faults.map((fault) => `generate: ${fault}`),
    );
  }
  return {
    sub: readSubject(params, options.subject),
    params: toFrozenJson(params, 'params'),
    attrs: toFrozenAttributes(options.attributes ?? {}),
    ...authentication,
    ...(!isPersistent && { per: false }),
    ...(idle < policy.idleSeconds && { idl: idle }),
    ...(absolute < policy.absoluteSeconds && { abs: absolute }),
    ...(interval < policy.intervalSeconds && { int: interval }),
  };
}

/** Returns valid metadata, truncated: a user agent is whatever a client sends. */
export function readMetadata(
  metadata: SessionMetadata | undefined,
): SessionMetadata {
  const given = METADATA_NAMES.flatMap((name) => {
    const value = metadata?.[name];
    return value === undefined
      ? []
      : [
          [
            name,
            Buffer.from(value.slice(0, MAXIMUM_METADATA_LENGTH)).toString(),
          ],
        ];
  });
  return Object.freeze(Object.fromEntries(given) as SessionMetadata);
}

/** @throws {SessionError} `NOT_SERIALIZABLE` */
export function toFrozenAttributes(
  attributes: unknown,
): SessionClaims['attrs'] {
  const copied = toFrozenJson(attributes, 'attributes');
  if (typeof copied !== 'object' || copied === null || Array.isArray(copied)) {
    throw new SessionError('NOT_SERIALIZABLE', 'attributes is not an object');
  }
  return copied as SessionClaims['attrs'];
}

function readSubject(params: unknown, given: string | undefined): string {
  const subject =
    given === undefined && Number.isSafeInteger(params)
      ? String(params)
      : (given ?? params);
  if (!isSubject(subject)) {
    throw new SessionError(
      'SUBJECT_REQUIRED',
      'subject: expected a string of 1 to 255 characters, or params that are such a string or a safe integer; pass { subject } to generate()',
    );
  }
  return subject;
}
