/** How long a session token is good. Short ones make the sample quick to try: `ACCESS_LIFETIME=10s`. */
export function accessLifetime(): string {
  return process.env.ACCESS_LIFETIME ?? '5m';
}

/** How long a refresh token that was exchanged still gives the same new one again. */
export function grace(): string {
  return process.env.GRACE ?? '30s';
}
