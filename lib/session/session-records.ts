import type { SessionClock } from '../clock.js';
import { SessionError } from '../errors/session-error.js';
import type {
  CreateVerdict,
  PresentedRefresh,
  RotationVerdict,
  SessionLimit,
  SessionMetadata,
  SessionRecord,
  SessionStore,
} from '../options/session-store.js';
import { freezeWithin, MAXIMUM_DEPTH } from '../tokens/claims-profile.js';
import type {
  NamedSession,
  SessionClaims,
  TokenClaims,
} from '../tokens/session-claims.js';
import { lifetimeOf, type ClockPolicy } from './freshness.js';
import { hashOf, type RefreshLink } from './refresh-chain.js';
import type { SessionEvents } from './session-events.js';
import { isReplacedBy, type SessionMemory } from './session-memory.js';
import { verifiedSession, type VerifiedSession } from './verified-session.js';

export interface SessionRecordsParts {
  readonly store: SessionStore;
  readonly memory: SessionMemory;
  readonly policy: ClockPolicy;
  readonly clock: SessionClock;
  readonly events: SessionEvents;
  /** Whether the store holds what sessions are about, and tokens only refer to it. */
  readonly keepsData: boolean;
  /** Whether the params are the data. */
  readonly paramsAreData: boolean;
  readonly graceSeconds: number;
  readonly limit: SessionLimit | undefined;
}

/**
 * The records of sessions in the store, in the terms of tokens. Every method rejects with
 * `STORE_UNAVAILABLE` when the store cannot answer.
 */
export class SessionRecords {
  readonly #parts: SessionRecordsParts;
  #isSkewKnown = false;

  constructor(parts: SessionRecordsParts) {
    this.#parts = parts;
  }

  /** @param link the first refresh token of the session */
  create(
    claims: SessionClaims,
    link: RefreshLink | undefined,
    metadata: SessionMetadata,
    replaces: string | undefined,
  ): Promise<CreateVerdict> {
    const { store, policy, keepsData, limit } = this.#parts;
    const { sid, sub, params, attrs, lat, data = null } = claims;
    return store.create(
      {
        id: sid,
        subject: sub,
        params,
        attributes: attrs,
        metadata,
        lifetime: lifetimeOf(claims, policy),
        ...(keepsData && { data: { value: data, loadedAt: lat } }),
        ...(link && { refreshHash: hashOf(link) }),
      },
      {
        ...(limit && { limit }),
        ...(replaces !== undefined && { replaces }),
      },
    );
  }

  /** A session as its record has it now; `undefined` when it has ended. Notes that it is in use. */
  async current(
    session: VerifiedSession,
  ): Promise<VerifiedSession | undefined> {
    const { sid, sub, rev } = session.claims;
    const { store, keepsData } = this.#parts;
    const answer =
      keepsData || !store.confirm
        ? await store.read(sid, sub, 'seen')
        : await store.confirm(sid, sub, rev);
    if (answer instanceof Date) {
      this.#compareClocks(answer);
      return session;
    }
    const record = this.#seen(answer);
    if (!record) {
      return undefined;
    }
    const claims = this.#hasReplaced(session.claims, record)
      ? session.claims
      : this.#merged(session.claims, record);
    return claims === session.claims
      ? session
      : verifiedSession(claims, this.#parts.policy);
  }

  async read({ sid, sub }: NamedSession): Promise<SessionRecord | undefined> {
    return this.#seen(await this.#parts.store.read(sid, sub));
  }

  /**
   * Notes a reload; `false` when the session has ended.
   *
   * @param isDemanded whether the application asked for it, so that data which other nodes loaded before is due
   */
  async reloaded(
    claims: SessionClaims,
    loaded: { readonly lat: number; readonly data: unknown },
    isDemanded = false,
  ): Promise<boolean> {
    const { store, policy, keepsData, memory } = this.#parts;
    const value = keepsData ? (loaded.data ?? null) : null;
    const change = {
      // With refresh tokens the idle time is theirs: reloads do not move it.
      ...(policy.accessSeconds === undefined && {
        extend: lifetimeOf(claims, policy),
      }),
      ...((keepsData || isDemanded) && {
        data: { value, loadedAt: loaded.lat },
      }),
      // No attribute changes, but the revision does: it tells tokens of before from those of after.
      ...(!keepsData && isDemanded && { attributes: {} }),
    };
    const { sid, sub } = claims;
    const record = this.#seen(await store.update(sid, sub, change));
    if (!record) {
      return false;
    }
    if (keepsData) {
      return true;
    }
    if (isDemanded) {
      memory.reload(sid, revisionOf(record), loaded.lat);
    } else if (record.revision > claims.rev) {
      this.#hasReplaced({ ...claims, lat: loaded.lat }, record);
      memory.update(sid, revisionOf(record));
    }
    return true;
  }

  /** Merges attributes; `undefined` when the session has ended. */
  async changed(
    { sid, sub }: NamedSession,
    attributes: SessionClaims['attrs'],
  ): Promise<Pick<SessionClaims, 'attrs' | 'rev'> | undefined> {
    const { store } = this.#parts;
    const record = await store.update(sid, sub, { attributes });
    return record && revisionOf(record);
  }

  /** Removes the record of a session that was never handed out. */
  async discard({ sid, sub }: NamedSession): Promise<void> {
    await this.#parts.store.end(sid, sub);
  }

  /** Exchanges a refresh token for its child. */
  rotate(
    claims: TokenClaims & RefreshLink,
    child: RefreshLink,
  ): Promise<RotationVerdict> {
    const { store, policy, graceSeconds } = this.#parts;
    const presented: PresentedRefresh = {
      generation: claims.gen,
      secretHash: hashOf(claims),
      nextHash: hashOf(child),
      graceSeconds,
      lifetime: lifetimeOf(claims, policy),
    };
    return store.rotate(claims.sid, claims.sub, presented);
  }

  #seen(record: SessionRecord | undefined): SessionRecord | undefined {
    if (record) {
      this.#compareClocks(record.asOf);
    }
    return record;
  }

  /** Tells of a difference once. */
  #compareClocks(timeOfStore: Date): void {
    const { clock, policy, events } = this.#parts;
    if (!this.#isSkewKnown) {
      const ahead = clock.nowSeconds() - timeOfStore.getTime() / 1000;
      if (Math.abs(ahead) > policy.toleranceSeconds + 1) {
        this.#isSkewKnown = true;
        events.clockSkewed(Math.round(ahead));
      }
    }
  }

  /** Whether a node has replaced the data of a token before its time; this process knows it from then on. */
  #hasReplaced(claims: SessionClaims, record: SessionRecord): boolean {
    const { keepsData, memory } = this.#parts;
    const { data, revision: rev } = record;
    if (
      keepsData ||
      !data ||
      !isReplacedBy({ lat: data.loadedAt, rev }, claims)
    ) {
      return false;
    }
    const known = memory.loadOf(claims.sid);
    if (!known || isReplacedBy({ lat: data.loadedAt, rev }, known)) {
      memory.reload(claims.sid, revisionOf(record), data.loadedAt);
    }
    return true;
  }

  #merged(claims: SessionClaims, record: SessionRecord): SessionClaims {
    const { keepsData, paramsAreData } = this.#parts;
    if (!keepsData) {
      return record.revision > claims.rev
        ? { ...claims, ...revisionOf(record) }
        : claims;
    }
    const { params, data } = record;
    freezeWithin({ params, data }, MAXIMUM_DEPTH);
    return {
      ...claims,
      ...revisionOf(record),
      lat: data?.loadedAt ?? claims.iat,
      params,
      ...(!paramsAreData && { data: data?.value }),
    };
  }
}

/** @throws {SessionError} `STORE_REQUIRED` */
export function required(records: SessionRecords | undefined): SessionRecords {
  if (records) return records;
  throw new SessionError(
    'STORE_REQUIRED',
    'without a store nobody can tell whether a session was ended',
  );
}

/** The attributes of a record, frozen. */
export function revisionOf(
  record: SessionRecord,
): Pick<SessionClaims, 'attrs' | 'rev'> {
  freezeWithin(record.attributes, MAXIMUM_DEPTH);
  return { attrs: record.attributes, rev: record.revision };
}
