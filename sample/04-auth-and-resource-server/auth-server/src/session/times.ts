/** How long a session token is good, also after a logout. Short ones make the sample quick to try: `20s`. */
export function accessLifetime(): string {
  return process.env.ACCESS_LIFETIME ?? '5m';
}

/** How old a list of keys may get, in this process and in every cache of its JWKS. */
export function keyMaxAge(): string {
  return process.env.KEY_MAX_AGE ?? '5m';
}
