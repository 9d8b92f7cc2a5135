import type { KeyObject } from 'node:crypto';
import type { SessionKeyAlgorithm } from './key-options.js';
import type { RevocationLog } from '../ports/revocation-log.js';
import type { SessionLimit, SessionStore } from '../ports/session-store.js';
import type { Transport } from '../ports/transport.js';

/** The options as all code reads them: with every default filled in, checked, frozen, and in seconds. */
export interface ResolvedSessionJwtOptions {
  readonly keys: ResolvedKeysOptions;
  /** Whether this application only checks sessions: nothing is signed, reloaded or cleared. */
  readonly isVerifyOnly: boolean;
  readonly issuer: string;
  readonly audience: string;
  readonly dataRefreshIntervalSeconds: number;
  readonly lifetime: {
    readonly idleSeconds: number;
    readonly absoluteSeconds: number;
  };
  readonly clockToleranceSeconds: number;
  readonly loader: ResolvedLoaderOptions;
  /** In the order in which they are read. The first writes the tokens of a new session. */
  readonly transports: readonly ('cookie' | 'header' | Transport)[];
  readonly requestProperty: string | undefined;
  readonly cookie: ResolvedCookieOptions;
  readonly header: ResolvedHeaderOptions;
  readonly csrf: ResolvedCsrfOptions;
  /** `undefined` without refresh tokens. */
  readonly refresh: ResolvedRefreshOptions | undefined;
  /** `undefined` without a store. */
  readonly store: ResolvedStoreOptions | undefined;
  /** `undefined` without a revocation log. */
  readonly revocations: ResolvedRevocationOptions | undefined;
  /** `undefined` if sessions are not bound to devices. */
  readonly deviceBinding: ResolvedBindingOptions | undefined;
  readonly cache: ResolvedCacheOptions;
  /** Advice on options that work but should be changed; for the log. */
  readonly warnings: readonly string[];
}

/** A key pair, or only its public half. */
export interface ResolvedKey {
  readonly algorithm: SessionKeyAlgorithm;
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject | undefined;
  readonly state: 'next' | 'active' | 'retiring';
  /** Seconds since the Unix epoch, from which the key verifies nothing. `Infinity` for most keys. */
  readonly endsAt: number;
}

/** The secrets and key pairs at one moment. */
export interface KeyMaterial {
  readonly secrets: readonly KeyObject[];
  readonly keys: readonly ResolvedKey[];
  /** Advice on keys that work but should be changed. */
  readonly warnings?: readonly string[];
}

export interface ResolvedKeysOptions {
  /** Keys that are known before a function or a JWKS is loaded. */
  readonly fixed: KeyMaterial;
  /**
   * Calls the application's key functions; `undefined` if there are none. Rejects with the faults of their results.
   */
  readonly provide: ((signal: AbortSignal) => Promise<KeyMaterial>) | undefined;
  readonly jwksUri: URL | undefined;
  /** Whether key pairs sign session tokens. Secrets then serve other purposes only. */
  readonly arePairs: boolean;
  /** Secrets that other keys are derived from. If empty, those of the session tokens are used. */
  readonly derivedSecrets: readonly KeyObject[];
  /**
   * Secrets that encryption keys are derived from. If empty, they are derived like other keys. `undefined`: tokens
   * are signed.
   */
  readonly encryption: readonly KeyObject[] | undefined;
  readonly cache: ResolvedKeyCacheOptions;
}

export interface ResolvedKeyCacheOptions {
  readonly maxAgeSeconds: number;
  readonly coolDownSeconds: number;
  readonly timeoutSeconds: number;
}

export interface ResolvedRefreshOptions {
  /** Empty if the keys are derived from the secrets of the session tokens. */
  readonly secrets: readonly KeyObject[];
  readonly cookie: ResolvedCookieOptions;
  readonly field: string;
  readonly accessSeconds: number;
}

export interface ResolvedStoreOptions {
  readonly store: SessionStore;
  readonly timeoutSeconds: number;
  readonly keepsData: boolean;
  readonly isAlwaysAsked: boolean;
  readonly graceSeconds: number;
  readonly limit: SessionLimit | undefined;
}

export interface ResolvedRevocationOptions {
  readonly log: RevocationLog;
  readonly maxLagSeconds: number;
  readonly maxEntries: number;
  readonly whenLagging: WhenLagging;
  /** For how long a call may take. */
  readonly timeoutSeconds: number;
}

/** What happens to sessions while revocations may be missing. */
export type WhenLagging = 'ask-store' | 'refuse' | 'accept';

export interface ResolvedBindingOptions {
  readonly isRequired: boolean;
  /** The path of the ready-made routes as browsers see it; `undefined` if it is that of the application. */
  readonly path: string | undefined;
}

export interface ResolvedLoaderOptions {
  readonly timeoutSeconds: number;
  readonly patienceSeconds: number;
  readonly maxStaleSeconds: number;
  readonly concurrency: number;
  readonly errorEndsSession: boolean;
}

export interface ResolvedCookieOptions {
  readonly name: string;
  readonly domain: string | undefined;
  readonly path: string;
  readonly secure: boolean;
  readonly sameSite: 'lax' | 'strict' | 'none';
  readonly partitioned: boolean;
  readonly formerDomains: readonly string[];
}

export interface ResolvedHeaderOptions {
  readonly name: string;
  readonly scheme: string;
  readonly renewedName: string;
  readonly renewedRefreshName: string;
  readonly resourceMetadata: string | undefined;
}

export interface ResolvedCsrfOptions {
  readonly checksOrigin: boolean;
  readonly trustedOrigins: ReadonlySet<string>;
  /** In lower case; `undefined` when the technique is off. */
  readonly headerName: string | undefined;
  /** `undefined` when the technique is off. */
  readonly token: ResolvedCsrfTokenOptions | undefined;
  /** Whether every page that can hold our cookie is served over HTTPS (or from this machine). */
  readonly secureOrigins: boolean;
}

export interface ResolvedCsrfTokenOptions {
  /** In lower case. */
  readonly headerName: string;
  readonly fieldName: string;
  /** The cookie that passes the token to scripts; `undefined` without one. */
  readonly cookie: ResolvedCookieOptions | undefined;
}

export interface ResolvedCacheOptions {
  readonly maxTokens: number;
  readonly maxBytes: number;
}
