/** A refresh holds up every tab; it must not do so for ever. */
const REFRESH_MILLISECONDS = 30_000;

/** Whether an address is of the origin of the routes. The answers of a `fetch` that was given may have none. */
export function isOwn(url: string, routes: string): boolean {
  return new URL(url || routes).origin === new URL(routes).origin;
}

/** Whether an address is one of a route at which a 401 needs no refresh. */
export function isRouteOf(routes: string, url: string): boolean {
  return [routes + '/refresh', routes + '/logout'].includes(url);
}

/** A request to one of the ready-made routes, with the refresh token where the client keeps it. */
export function routeRequest(
  url: string,
  refreshToken: string | undefined,
  init: RequestInit,
): Request {
  return new Request(url, {
    ...init,
    method: 'POST',
    // It would take the refresh token along.
    redirect: 'error',
    signal: AbortSignal.timeout(REFRESH_MILLISECONDS),
    ...(refreshToken !== undefined && {
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ refreshToken }),
    }),
  });
}
