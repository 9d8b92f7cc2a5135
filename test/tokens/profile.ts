import type { ClaimsExpectation } from '../../lib/tokens/claims-profile.js';

/** The profile once more, as the contract words it. */
export function verdictOf(
  c: Record<string, unknown>,
  expected: ClaimsExpectation,
): 'good' | 'claims' | 'newer-version' {
  const isTime = (claim: unknown): claim is number =>
    typeof claim === 'number' &&
    Number.isInteger(claim) &&
    claim >= 1 &&
    claim <= 8_589_934_591;
  const isText = (claim: unknown, pattern: RegExp) =>
    typeof claim === 'string' && pattern.test(claim);
  const isObject = (claim: unknown) =>
    Object.prototype.toString.call(claim) === '[object Object]';
  if (isTime(c['v']) && c['v'] >= 2) {
    return 'newer-version';
  }
  const [iat, exp, oiat, lat, authenticated] = [
    c['iat'],
    c['exp'],
    c['oiat'],
    c['lat'],
    c['auth_time'],
  ];
  const good =
    c['v'] === 1 &&
    c['iss'] === expected.issuer &&
    c['aud'] === expected.audience &&
    typeof c['sub'] === 'string' &&
    c['sub'].length >= 1 &&
    c['sub'].length <= 255 &&
    Buffer.from(c['sub']).toString() === c['sub'] &&
    isText(c['sid'], /^[A-Za-z0-9_-]{43}$/) &&
    Buffer.from(c['sid'] as string, 'base64url').toString('base64url') ===
      c['sid'] &&
    isText(c['jti'], /^[A-Za-z0-9_-]{16,128}$/) &&
    isTime(iat) &&
    isTime(exp) &&
    isTime(oiat) &&
    isTime(lat) &&
    isTime(authenticated) &&
    oiat <= lat &&
    lat <= iat &&
    iat < exp &&
    exp - iat <= 34_560_000 &&
    authenticated <= iat &&
    Object.hasOwn(c, 'params') &&
    Object.hasOwn(c, 'data') === !expected.paramsAreData &&
    isObject(c['attrs']) &&
    Number.isSafeInteger(c['rev']) &&
    Number(c['rev']) >= 0 &&
    (!('per' in c) || c['per'] === false) &&
    (!('gen' in c) ||
      (Number.isSafeInteger(c['gen']) && Number(c['gen']) >= 0)) &&
    ['nbf', 'idl', 'abs', 'int'].every(
      (name) => !(name in c) || isTime(c[name]),
    ) &&
    isProofStated(c) &&
    depthOf(c) <= 32;
  return good ? 'good' : 'claims';
}

/** Whether `acr` and `amr` are absent, or texts that a header can quote. */
export function isProofStated(c: Readonly<Record<string, unknown>>): boolean {
  const isStated = (value: unknown): boolean =>
    typeof value === 'string' &&
    value.length >= 1 &&
    value.length <= 256 &&
    value
      .split('')
      .every(
        (each) => each >= ' ' && each <= '~' && !['"', '\\'].includes(each),
      );
  const { acr, amr } = c;
  return (
    (!('acr' in c) || isStated(acr)) &&
    (!('amr' in c) ||
      (Array.isArray(amr) &&
        amr.length >= 1 &&
        amr.length <= 16 &&
        amr.every(isStated)))
  );
}

function depthOf(value: unknown): number {
  return typeof value === 'object' && value !== null
    ? 1 + Math.max(0, ...Object.values(value).map(depthOf))
    : 0;
}
