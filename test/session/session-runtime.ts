import { createSessionRuntime } from '../../lib/nest/create-session-runtime.js';
import type { SessionRuntime } from '../../lib/nest/session-runtime.js';
import type { SessionJwtModuleOptions } from '../../lib/options/session-jwt-module-options.js';
import type { RequestFacts } from '../../lib/ports/request-facts.js';
import type { SessionDataLoader } from '../../lib/session/model/session-data-loader.js';
import type { SessionEvent } from '../../lib/session/model/session-event.js';
import type {
  Refreshed,
  RefreshRequest,
} from '../../lib/session/session-refresh.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { SECRET } from '../support/secrets.js';

/** Everything behind the module, without Nest and without HTTP. */
export interface OpenedRuntime extends SessionRuntime {
  readonly clock: TestSessionClock;
  /** Every event so far. */
  readonly heard: SessionEvent[];
}

/** @param load what the loader does; without it the params are the data */
export async function openRuntime(
  options: Partial<SessionJwtModuleOptions> = {},
  load?: SessionDataLoader<any, any>['load'],
  clock = new TestSessionClock(),
): Promise<OpenedRuntime> {
  const runtime = await createSessionRuntime(
    { secret: SECRET, ...options },
    clock,
    { loader: load ? { load } : false, hasRoutes: true },
  );
  const heard: SessionEvent[] = [];
  runtime.events.stream.subscribe((event) => heard.push(event));
  return { ...runtime, clock, heard };
}

/** The facts of a request: a GET of our own page, unless something else is said. */
export function factsOf(
  headers: Record<string, string> = {},
  rest: Partial<RequestFacts> = {},
): RequestFacts {
  return {
    method: 'GET',
    url: '/',
    headers: { host: 'app.example', ...headers },
    rawHeaders: Object.entries(headers).flat(),
    ...rest,
  };
}

/** Facts that carry a session token in its default cookie. */
export function withCookie(
  token: string,
  rest: Partial<RequestFacts> = {},
): RequestFacts {
  return factsOf({ cookie: `__Host-Http-session=${token}` }, rest);
}

/** Facts that carry a session token in its default header. */
export function withBearer(
  token: string,
  rest: Partial<RequestFacts> = {},
): RequestFacts {
  return factsOf({ authorization: `Bearer ${token}` }, rest);
}

/** How an ordinary request is handled. */
export const HANDLING = {
  canDeliver: true,
  asksStore: false,
  isPassive: false,
} as const;

/** Exchanges a refresh token that the application passes itself. */
export function refreshWith(
  { issuing }: SessionRuntime,
  token: string | undefined,
  rest: Partial<RefreshRequest> = {},
): Promise<Refreshed> {
  return issuing!.refresh.refresh({
    token,
    tokenInBody: undefined,
    facts: undefined,
    crossSite: undefined,
    isPassive: false,
    ...rest,
  });
}
