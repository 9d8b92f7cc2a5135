import { SessionConfigError } from '../errors/session-config-error.js';
import { readJwkSet } from './jwk-set.js';
import type { KeySource } from './key-ring.js';

/**
 * The keys of a JWKS on another server, fetched by `jose`; when, the key ring decides.
 *
 * @throws {SessionConfigError} when `jose` is not installed
 */
export async function remoteKeys(
  uri: URL,
  timeoutSeconds: number,
): Promise<KeySource> {
  const { createRemoteJWKSet } = await importJose();
  return async () => {
    const set = createRemoteJWKSet(uri, {
      timeoutDuration: Math.ceil(timeoutSeconds * 1000),
    });
    await set.reload();
    return { secrets: [], keys: readJwkSet(set.jwks()) };
  };
}

async function importJose(): Promise<typeof import('jose')> {
  try {
    return await import('jose');
  } catch {
    throw new SessionConfigError([
      "verifyOnly.jwksUri: needs the package 'jose' (npm install jose)",
    ]);
  }
}
