import type { Provider } from '@nestjs/common';
import { isRevocationLog } from '../options/resolve-revocation-options.js';
import type { SessionJwtModuleOptions } from '../options/session-jwt-module-options.js';
import { RevocationLog } from '../ports/revocation-log.js';
import { SessionStore } from '../ports/session-store.js';

/** The store and the log of the options, unless a test has replaced them. */
export interface ReplaceableParts {
  readonly store?: unknown;
  readonly log?: unknown;
}

type Options = Partial<SessionJwtModuleOptions> | undefined;

/** Returns separate providers of the store and the log, so that tests can override them. */
export function replaceablePartsOf(options: symbol | string): Provider[] {
  return [
    {
      provide: SessionStore,
      useFactory: (given: Options) => given?.store,
      inject: [options],
    },
    {
      provide: RevocationLog,
      useFactory: (given: Options) => logIn(given?.revocations),
      inject: [options],
    },
  ];
}

/** Returns the options with the store and the log that are provided. */
export function withParts(
  input: unknown,
  { store, log }: ReplaceableParts,
): unknown {
  if ((!store && !log) || typeof input !== 'object' || !input) {
    return input;
  }
  const { revocations } = input as Partial<SessionJwtModuleOptions>;
  return {
    ...input,
    ...(Boolean(store) && { store }),
    ...(Boolean(log) && {
      revocations: isRevocationLog(revocations) ? log : { ...revocations, log },
    }),
  };
}

function logIn(revocations: SessionJwtModuleOptions['revocations']): unknown {
  return isRevocationLog(revocations) ? revocations : revocations?.log;
}
