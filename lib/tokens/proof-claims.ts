/** 32 bytes in canonical base64url: a secret, an id or a thumbprint. */
export const SECRET = /^[\w-]{42}[AEIMQUYcgkosw048]$/;

/**
 * Returns whether a value can be an `acr` or a member of `amr`: 1 to 256 printable ASCII characters without quotes and
 * backslashes, since challenges quote such values in a header (RFC 9470, section 3).
 */
export function isAuthenticationValue(value: unknown): value is string {
  return typeof value === 'string' && /^[ !#-[\]-~]{1,256}$/.test(value);
}

/** Returns whether a value can be an `amr`: 1 to 16 methods. */
export function isMethodList(value: unknown): value is readonly string[] {
  return (
    Array.isArray(value) &&
    value.length >= 1 &&
    value.length <= 16 &&
    value.every(isAuthenticationValue)
  );
}

/** Returns whether a `cnf`, if any, names a key by its thumbprint (RFC 7800, section 3; RFC 7638). */
export function isThumbprintConfirmation(cnf: unknown): boolean {
  return (
    cnf === undefined ||
    (isObject(cnf) && typeof cnf['jkt'] === 'string' && SECRET.test(cnf['jkt']))
  );
}

/** Returns whether a `cnf`, if any, contains a key (RFC 7800, section 3.2). */
export function isKeyConfirmation(cnf: unknown): boolean {
  return cnf === undefined || (isObject(cnf) && isObject(cnf['jwk']));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
