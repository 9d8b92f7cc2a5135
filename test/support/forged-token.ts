import { createHmac, type BinaryLike, type KeyObject } from 'node:crypto';
import { SECRET } from './test-app.js';

/** What stands in a segment: objects as JSON; texts and bytes as they are, however malformed. */
export type SegmentContent = object | string | Uint8Array | null;

export function encodeSegment(content: SegmentContent): string {
  return content instanceof Uint8Array || typeof content === 'string'
    ? Buffer.from(content as Uint8Array).toString('base64url')
    : Buffer.from(JSON.stringify(content)).toString('base64url');
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

/** What a good token holds. */
export function readToken(token: string): {
  header: Record<string, unknown>;
  claims: Record<string, unknown>;
} {
  const [header = '', payload = ''] = token.split('.');
  return { header: decode(header), claims: decode(payload) };
}

function decode(segment: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(segment, 'base64url').toString()) as Record<
    string,
    unknown
  >;
}
