import type { KeyObject } from 'node:crypto';
import type { SessionLimit, SessionStore } from './session-store.js';
import type { Transport } from './transport.js';

/** What users wrote, with every default in place, checked, frozen, and in seconds. All code reads this. */
export interface ResolvedSessionJwtOptions {
  readonly secrets: readonly KeyObject[];
  readonly issuer: string;
  readonly audience: string;
  readonly dataRefreshIntervalSeconds: number;
  readonly lifetime: {
    readonly idleSeconds: number;
    readonly absoluteSeconds: number;
  };
  readonly clockToleranceSeconds: number;
  readonly loader: ResolvedLoaderOptions;
  /** In the order in which they are asked; the first writes the tokens of a new session. */
  readonly transports: readonly ('cookie' | 'header' | Transport)[];
  readonly requestProperty: string | undefined;
  readonly cookie: ResolvedCookieOptions;
  readonly header: ResolvedHeaderOptions;
  readonly csrf: ResolvedCsrfOptions;
  /** `undefined` where there are no refresh tokens. */
  readonly refresh: ResolvedRefreshOptions | undefined;
  /** `undefined` where sessions are not recorded. */
  readonly store: ResolvedStoreOptions | undefined;
  readonly cache: ResolvedCacheOptions;
}

export interface ResolvedRefreshOptions {
  /** None where the keys are derived from the secrets of the session tokens. */
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
}

export interface ResolvedCsrfOptions {
  readonly checksOrigin: boolean;
  readonly trustedOrigins: ReadonlySet<string>;
  /** In lower case; `undefined` when the technique is off. */
  readonly headerName: string | undefined;
  /** Whether every page that can hold our cookie is served over HTTPS (or from this machine). */
  readonly secureOrigins: boolean;
}

export interface ResolvedCacheOptions {
  readonly maxTokens: number;
  readonly maxBytes: number;
}
