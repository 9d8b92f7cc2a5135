import type { INestApplicationContext } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import {
  SessionClock,
  SessionDataLoader,
  SessionError,
  SessionJwtModule,
  SessionService,
  type IssuedSession,
  type SessionEvent,
  type SessionJwtModuleOptions,
  type SessionStore,
} from '../../lib/index.js';
import {
  SESSION_RUNTIME,
  type SessionRuntime,
} from '../../lib/nest/session-runtime.js';
import type { SessionRevocations } from '../../lib/session/revocations/session-revocations.js';
import type { RefreshLink } from '../../lib/session/model/refresh-chain.js';
import type { SessionClaims } from '../../lib/tokens/session-claims.js';
import { CapturedLogs } from '../support/captured-logs.js';
import { claimsIn } from '../support/session-claims.js';
import { SECRET } from '../support/secrets.js';

/** One node of an application that hands out token pairs. */
export interface SessionNode {
  readonly sessions: SessionService;
  readonly events: SessionEvent[];
  /** Present with a revocation log. */
  readonly revocations: SessionRevocations | undefined;
  count(type: SessionEvent['type']): number;
  close(): Promise<void>;
}

/**
 * An application without a server.
 *
 * @param load its data loader; without one its params are its data
 */
export async function openNode(
  store: SessionStore,
  clock: SessionClock,
  options: Partial<SessionJwtModuleOptions> = {},
  load?: () => Promise<object>,
): Promise<SessionNode> {
  class Loader extends SessionDataLoader<string, object> {
    override load(): Promise<object> {
      return load!();
    }
  }
  const application: INestApplicationContext = await Test.createTestingModule({
    imports: [
      SessionJwtModule.forRoot({
        secret: SECRET,
        transport: 'header',
        refreshToken: {},
        // These tests ask for more at once than one machine answers in time.
        storeTimeout: '20s',
        ...options,
        store,
        dataLoader: load ? Loader : false,
      }),
    ],
  })
    .setLogger(new CapturedLogs())
    .overrideProvider(SessionClock)
    .useValue(clock)
    .compile();
  await application.init();
  const sessions = application.get(SessionService);
  const events: SessionEvent[] = [];
  sessions.events$.subscribe((event) => events.push(event));
  return {
    sessions,
    events,
    revocations: application.get<SessionRuntime>(SESSION_RUNTIME).revocations,
    count: (type) => events.filter((event) => event.type === type).length,
    close: () => application.close(),
  };
}

/** What a refresh token says of its session and of its place in the chain, unchecked. */
export function claimsOfRefresh(
  token: string | undefined,
): RefreshLink & Pick<SessionClaims, 'sid' | 'sub'> {
  const { sid, sub, gen, jti } = claimsIn(token) as SessionClaims & RefreshLink;
  return { sid, sub, gen, jti };
}

/** What makes a refresh token that token: everything else in it may differ. */
export function linkIn(token: string | undefined): string {
  const { sid, gen, jti } = claimsOfRefresh(token);
  return `${sid} ${gen} ${jti}`;
}

/** What came of a refresh: the new refresh token, or the code of the refusal. */
export type RefreshOutcome =
  | {
      readonly token: string;
      readonly sessionToken: string;
      readonly code?: undefined;
    }
  | {
      readonly token?: undefined;
      readonly sessionToken?: undefined;
      readonly code: string;
    };

export async function refresh(
  { sessions }: Pick<SessionNode, 'sessions'>,
  token: string,
): Promise<RefreshOutcome> {
  try {
    const issued = await sessions.refresh(token);
    return { token: refreshTokenOf(issued), sessionToken: issued.token };
  } catch (error) {
    if (error instanceof SessionError) {
      return { code: error.code };
    }
    throw error;
  }
}

/** Stores that tell when they have heard of every use of a token. */
export class HeardUses {
  readonly #calls: Promise<unknown>[] = [];
  /** Whether the store hears of a use at all. */
  isHeard = (): boolean => true;

  /** The same store, which several nodes may share. */
  watch(store: SessionStore): SessionStore {
    if (!Object.hasOwn(store, 'confirmUse')) {
      const confirmUse = store.confirmUse!.bind(store);
      store.confirmUse = (...call) => {
        const heard = this.isHeard()
          ? confirmUse(...call)
          : Promise.reject(new Error('not heard'));
        this.#calls.push(heard.catch(() => undefined));
        return heard;
      };
    }
    return store;
  }

  /** How often a store was told since the last time that this was asked, when it has heard all of them. */
  async settled(): Promise<number> {
    const calls = this.#calls.splice(0);
    await Promise.all(calls);
    return calls.length;
  }
}

/** A request with a session token. */
export async function use(
  { sessions }: Pick<SessionNode, 'sessions'>,
  sessionToken: string,
): Promise<boolean> {
  const headers = { authorization: `Bearer ${sessionToken}` };
  return (await sessions.authenticate({ headers })) !== null;
}

export async function signIn(
  { sessions }: Pick<SessionNode, 'sessions'>,
  subject: string,
): Promise<string> {
  return refreshTokenOf(await sessions.generate(subject));
}

function refreshTokenOf(issued: IssuedSession<any, any, any, any>): string {
  if (issued.refreshToken === undefined) {
    throw new Error('no refresh token');
  }
  return issued.refreshToken;
}

/** How often each value occurs. */
export function tally(values: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const value of values) {
    counts[value] = (counts[value] ?? 0) + 1;
  }
  return counts;
}

/** Some at a time, in order. */
export async function inBatches<Item, Result>(
  items: readonly Item[],
  size: number,
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (let first = 0; first < items.length; first += size) {
    const batch = items.slice(first, first + size);
    results.push(...(await Promise.all(batch.map(work))));
  }
  return results;
}

/** The time that so many percent of them stay within. */
export function percentile(times: readonly number[], percent: number): number {
  const sorted = times.toSorted((a, b) => a - b);
  return Math.round(sorted[Math.ceil((sorted.length * percent) / 100) - 1]!);
}
