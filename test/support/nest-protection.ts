import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import type * as Protection from '@nestjs/core/security/cross-origin-protection.js';

// The tests on Nest 11, which has none, find that of the repository.
const { resolve } = createRequire(import.meta.url);

/** What Nest 12 itself says of requests from other origins, which our verdicts are compared with. */
export const { evaluateCrossOriginRequest, normalizeTrustedOrigin } =
  (await import(
    pathToFileURL(resolve('@nestjs/core/security/cross-origin-protection.js'))
      .href
  )) as typeof Protection;
