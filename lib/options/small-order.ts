/** y-coordinates of the points of small order, in every encoding that libraries accept (RFC 7748, section 7). */
const SMALL_ORDER: ReadonlySet<string> = new Set([
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  `ec${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
]);

/** Returns whether anyone can sign for an Ed25519 public key: for these points, a signature proves nothing. */
export function isOfSmallOrder(x: Uint8Array): boolean {
  const y = Buffer.from(x);
  // The highest bit is the sign of the other coordinate.
  y[31]! &= 0x7f;
  return SMALL_ORDER.has(y.toString('hex'));
}
