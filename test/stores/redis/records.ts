import { createHash, randomBytes } from 'node:crypto';
import type {
  NewSessionRecord,
  PresentedRefresh,
} from '../../../lib/ports/session-store.js';

export const LIFETIME = {
  idleSeconds: 7 * 86_400,
  absoluteSeconds: 30 * 86_400,
};

export function newId(): string {
  return randomBytes(32).toString('base64url');
}

/** The SHA-256 of a secret, as stores are given it. */
export function hashOf(secret: string): string {
  return createHash('sha256').update(secret).digest('base64url');
}

/** A session with a refresh token of which `secret-0` is the secret. */
export function newRecord(
  changes: Partial<NewSessionRecord> = {},
): NewSessionRecord {
  return {
    id: newId(),
    subject: 'ada',
    params: 'ada',
    attributes: {},
    metadata: {},
    lifetime: LIFETIME,
    refreshHash: hashOf('secret-0'),
    ...changes,
  };
}

/** The refresh token of a generation in the chain of {@link newRecord}. */
export function presentedOf(
  generation: number,
  changes: Partial<PresentedRefresh> = {},
): PresentedRefresh {
  return {
    generation,
    secretHash: hashOf(`secret-${generation}`),
    nextHash: hashOf(`secret-${generation + 1}`),
    graceSeconds: 30,
    lifetime: LIFETIME,
    ...changes,
  };
}
