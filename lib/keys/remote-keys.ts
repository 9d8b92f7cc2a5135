import { readJwkSet } from './jwk-set.js';
import type { KeySource } from './key-ring.js';

/** A hundred RSA keys of 8192 bits with their certificates are smaller. */
const MAXIMUM_BYTES = 1_000_000;

/**
 * Loads the keys of a JWKS on another server; the key ring decides when. Reads at most 1 MB, follows no redirects,
 * and stops reading when the signal is aborted.
 */
export function remoteKeys(uri: URL): KeySource {
  return async (signal) => {
    const response = await fetch(uri, {
      headers: { Accept: 'application/jwk-set+json, application/json' },
      redirect: 'manual',
      signal,
    });
    const refusal = refusalOf(response);
    if (refusal !== undefined) {
      void response.body?.cancel().catch(() => undefined);
      throw new TypeError(refusal);
    }
    const text = await textOf(response);
    return { secrets: [], keys: readJwkSet(parsed(text)) };
  };
}

/** Returns why the body is not worth reading, if so. */
function refusalOf({ status, headers }: Response): string | undefined {
  if (status >= 300 && status < 400) {
    return `jwksUri: expected status 200, got the redirect ${status}; set jwksUri to the final address`;
  }
  if (status !== 200) {
    return `jwksUri: expected status 200, got ${status}`;
  }
  return Number(headers.get('Content-Length')) > MAXIMUM_BYTES
    ? tooLarge()
    : undefined;
}

/** Counts bytes as they arrive, after decompression: a hostile server may lie about length and encoding. */
async function textOf({ body }: Response): Promise<string> {
  // One buffer, since chunks of one byte each would take a hundred times their length.
  const bytes = new Uint8Array(MAXIMUM_BYTES);
  let length = 0;
  for await (const chunk of body ?? []) {
    if (length + chunk.length > MAXIMUM_BYTES) {
      throw new TypeError(tooLarge());
    }
    bytes.set(chunk, length);
    length += chunk.length;
  }
  return new TextDecoder().decode(bytes.subarray(0, length));
}

/** Hides the engine's message: it quotes the text, which may contain a key that was published by mistake. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new TypeError(
      'jwksUri: expected a JSON Web Key set, got invalid JSON',
    );
  }
}

function tooLarge(): string {
  return `jwksUri: expected a key set of at most ${MAXIMUM_BYTES} bytes, got more`;
}
