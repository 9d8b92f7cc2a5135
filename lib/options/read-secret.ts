import { createPublicKey, createSecretKey, KeyObject } from 'node:crypto';
import { KNOWN_SECRETS, PLACEHOLDER } from './known-secrets.js';

const MINIMUM_BYTES = 32;
const MINIMUM_DISTINCT_BYTES = 8;

export const HOW_TO_MAKE_A_SECRET = `make one with: node -e "console.log(require('node:crypto').randomBytes(32).toString('base64url'))"`;

/**
 * Reads a secret as a key, or says what is wrong with it. The result never quotes the secret.
 *
 * HS256 requires a key of at least 32 bytes (RFC 7518, section 3.2).
 */
export function readSecret(
  input: unknown,
): { key: KeyObject } | { fault: string } {
  if (input === undefined || input === null || input === '') {
    return { fault: 'is not set' };
  }
  if (input instanceof KeyObject) {
    return input.type === 'secret'
      ? checked(input.export(), input)
      : { fault: `expected a secret key, got a ${input.type} one` };
  }
  if (typeof input === 'string') {
    const bytes = Buffer.from(input, 'utf8');
    return checked(bytes, undefined, input);
  }
  if (input instanceof Uint8Array) {
    return checked(Buffer.from(input));
  }
  return { fault: `expected a string, a Buffer or a KeyObject` };
}

function checked(
  bytes: Buffer,
  key?: KeyObject,
  text = bytes.toString('utf8'),
): { key: KeyObject } | { fault: string } {
  const fault = weaknessOf(bytes, text);
  return fault ? { fault } : { key: key ?? createSecretKey(bytes) };
}

function weaknessOf(bytes: Buffer, text: string): string | undefined {
  const entropy = decoded(text) ?? bytes;
  const texts = [text, entropy.toString('utf8')];
  if (texts.some((each) => /-----BEGIN|ssh-(?:rsa|ed25519) /.test(each))) {
    return 'is the text of a PEM file or a public key; a public key must never be a shared secret';
  }
  if (texts.some((each) => /"(?:kty|keys)"\s*:/.test(each))) {
    return 'is a JSON Web Key; a public key must never be a shared secret';
  }
  if (isKnown(bytes, text)) {
    return 'is a published sample or a placeholder, with which anyone can sign';
  }
  if (isPublicKey(entropy)) {
    return 'is a public key; a public key must never be a shared secret';
  }
  if (entropy.length < MINIMUM_BYTES) {
    return `expected at least ${MINIMUM_BYTES} bytes, got ${entropy.length}${entropy === bytes ? '' : ' when decoded'}`;
  }
  if (
    new Set(entropy).size < MINIMUM_DISTINCT_BYTES ||
    repeats(entropy) ||
    repeats(bytes)
  ) {
    return 'expected random bytes, got a repetition';
  }
  return wrappingOf(text);
}

/** Returns what tools leave around the value of a variable or a file, on some machines and not on others. */
function wrappingOf(text: string): string | undefined {
  // Random bytes may begin or end with anything.
  if (!/^[\s -~]*$/.test(text)) {
    return undefined;
  }
  if (text !== text.trim()) {
    return 'begins or ends with a space or a line break, which some tools keep and others drop: remove it';
  }
  return /^["'`]|["'`]$/.test(text)
    ? 'begins or ends with a quote, which some tools keep and others drop: remove the quotes'
    : undefined;
}

function isKnown(bytes: Buffer, text: string): boolean {
  const trimmed = text.trim();
  return (
    PLACEHOLDER.test(text) ||
    KNOWN_SECRETS.some(
      (known) => known === trimmed || decoded(known)?.equals(bytes),
    )
  );
}

/** Decodes hex or base64: strength is measured in these bytes, not in characters. */
function decoded(text: string): Buffer | undefined {
  const trimmed = text.trim();
  if (/^(?:[0-9a-f]{2})+$/i.test(trimmed)) {
    return Buffer.from(trimmed, 'hex');
  }
  return /^[\w+/-]+={0,2}$/.test(trimmed)
    ? Buffer.from(trimmed, 'base64')
    : undefined;
}

/** Returns whether the bytes are a public key without its PEM frame. */
function isPublicKey(bytes: Buffer): boolean {
  if (bytes[0] !== 0x30) {
    return false;
  }
  return (['spki', 'pkcs1'] as const).some((type) => {
    try {
      createPublicKey({ key: bytes, format: 'der', type });
      return true;
    } catch {
      return false;
    }
  });
}

/** Returns whether the bytes repeat one pattern. */
function repeats(bytes: Buffer): boolean {
  for (let period = 1; period <= bytes.length / 2; period += 1) {
    if (bytes.subarray(period).equals(bytes.subarray(0, -period))) {
      return true;
    }
  }
  return false;
}
