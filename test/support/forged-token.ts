import {
  constants,
  createCipheriv,
  createHmac,
  randomBytes,
  sign,
  type BinaryLike,
  type KeyObject,
} from 'node:crypto';
import type { SessionKeyAlgorithm } from '../../lib/options/key-options.js';
import { SECRET } from './secrets.js';

/** What stands in a segment: objects as JSON; texts and bytes as they are, however malformed. */
export type SegmentContent = object | string | Uint8Array | null;

export function encodeSegment(content: SegmentContent): string {
  return bytesOf(content).toString('base64url');
}

/**
 * A token with exactly this content and a good HMAC over it, made without the library: whatever is wrong
 * with it, the signature is not.
 */
export function forgeToken(
  header: SegmentContent,
  payload: SegmentContent,
  secret: BinaryLike | KeyObject = SECRET,
  hash = 'sha256',
): string {
  const content = `${encodeSegment(header)}.${encodeSegment(payload)}`;
  return `${content}.${createHmac(hash, secret).update(content).digest('base64url')}`;
}

/** As {@link forgeToken}, with a signature of a key pair, whatever the header says. */
export function forgeSigned(
  header: SegmentContent,
  payload: SegmentContent,
  algorithm: SessionKeyAlgorithm,
  privateKey: KeyObject,
): string {
  const content = `${encodeSegment(header)}.${encodeSegment(payload)}`;
  const signature = signatureOf(content, algorithm, privateKey);
  return `${content}.${signature.toString('base64url')}`;
}

/** The signature of RFC 7518, sections 3.3 to 3.5, or RFC 8037, section 3.1. */
export function signatureOf(
  content: string,
  algorithm: SessionKeyAlgorithm,
  key: KeyObject,
): Buffer {
  const bytes = Buffer.from(content);
  switch (algorithm) {
    case 'ES256':
      return sign('sha256', bytes, { key, dsaEncoding: 'ieee-p1363' });
    case 'EdDSA':
      return sign(null, bytes, key);
    case 'RS256':
      return sign('sha256', bytes, key);
    case 'PS256':
      return sign('sha256', bytes, {
        key,
        padding: constants.RSA_PKCS1_PSS_PADDING,
        saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
      });
  }
}

/** As {@link forgeToken}, encrypted with A256GCM under this key (32 bytes), whatever the header says. */
export function forgeEncrypted(
  header: SegmentContent,
  payload: SegmentContent,
  key: KeyObject | Uint8Array,
  nonce: Uint8Array = randomBytes(12),
): string {
  const protectedHeader = encodeSegment(header);
  const cipher = createCipheriv('aes-256-gcm', key, nonce);
  cipher.setAAD(Buffer.from(protectedHeader));
  const ciphertext = Buffer.concat([
    cipher.update(bytesOf(payload)),
    cipher.final(),
  ]);
  return [
    protectedHeader,
    '',
    ...[nonce, ciphertext, cipher.getAuthTag()].map(encodeSegment),
  ].join('.');
}

/** What a good signed token holds. */
export function readToken(token: string): {
  header: Record<string, unknown>;
  claims: Record<string, unknown>;
} {
  const [header = '', payload = ''] = token.split('.');
  return { header: decode(header), claims: decode(payload) };
}

/** What the header of a token says. */
export function readHeader(token: string): Record<string, unknown> {
  return decode(token.slice(0, token.indexOf('.')));
}

function bytesOf(content: SegmentContent): Buffer {
  return content instanceof Uint8Array || typeof content === 'string'
    ? Buffer.from(content as Uint8Array)
    : Buffer.from(JSON.stringify(content));
}

function decode(segment: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(segment, 'base64url').toString()) as Record<
    string,
    unknown
  >;
}
