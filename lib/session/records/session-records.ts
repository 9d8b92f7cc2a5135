import type {
  BindVerdict,
  HashedRefreshLink,
  CreateVerdict,
  RotationVerdict,
  SessionLimit,
  SessionMetadata,
  SessionRecord,
} from '../../ports/session-store.js';
import type {
  NamedSession,
  SessionClaims,
  TokenClaims,
} from '../../tokens/session-claims.js';
import type { FirstUses } from './first-uses.js';
import { endOfSessionUsedAt, lifetimeOf } from '../model/freshness.js';
import type { KeptIdleEnd } from './kept-idle-end.js';
import {
  revisionOf,
  withAttributesOf,
  withContentOf,
} from './record-claims.js';
import { hashOf, type RefreshLink } from '../model/refresh-chain.js';
import type { MissingRecords } from './missing-records.js';
import { presentedRefresh } from './presented-refresh.js';
import { RecordNotes, type RecordNotesParts } from './record-notes.js';
import { reloadChange, type ReloadNote } from './reload-change.js';
import {
  verifiedSession,
  type VerifiedSession,
} from '../model/verified-session.js';

export interface SessionRecordsParts extends RecordNotesParts {
  readonly uses: FirstUses;
  readonly paramsAreData: boolean;
  readonly graceSeconds: number;
  readonly limit: SessionLimit | undefined;
}

/**
 * The records of sessions in the store, in terms of tokens. Every method rejects with `STORE_UNAVAILABLE` if the store
 * cannot answer.
 */
export class SessionRecords {
  readonly #parts: SessionRecordsParts;
  readonly #notes: RecordNotes;

  constructor(parts: SessionRecordsParts) {
    this.#parts = parts;
    this.#notes = new RecordNotes(parts);
  }

  /** Sessions that the store is currently not queried for. */
  get missing(): MissingRecords {
    return this.#notes.missing;
  }

  /** @param link the first refresh token of the session */
  create(
    claims: SessionClaims,
    link: RefreshLink | undefined,
    metadata: SessionMetadata,
    replaces: string | undefined,
  ): Promise<CreateVerdict> {
    const { store, policy, keepsData, limit, graceSeconds } = this.#parts;
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
        ...(limit && { limit: { ...limit, graceSeconds } }),
        ...(replaces !== undefined && { replaces }),
      },
    );
  }

  /** Returns a session as its record has it now; `undefined` if it has ended. Notes its use, unless it is passive. */
  async current(
    session: VerifiedSession,
    isPassive = false,
  ): Promise<VerifiedSession | undefined> {
    const { sid, sub, rev } = session.claims;
    const { store, keepsData, uses } = this.#parts;
    if (this.missing.has(sid)) {
      return undefined;
    }
    const gen = uses.firstUseOf(session.claims);
    const answer =
      isPassive || keepsData || !store.confirm
        ? await store.read(sid, sub, isPassive ? undefined : 'seen', gen)
        : await store.confirm(sid, sub, rev, gen);
    if (gen !== undefined) uses.told(sid, gen);
    if (answer instanceof Date) {
      this.#notes.time(answer);
      return session;
    }
    const record = await this.#notes.found(session.claims, answer);
    if (!record) {
      return undefined;
    }
    this.#notes.end(session.claims, record);
    const claims = this.#notes.hasReplaced(session.claims, record)
      ? session.claims
      : keepsData
        ? withContentOf(record, session.claims, this.#parts.paramsAreData)
        : withAttributesOf(record, session.claims);
    return claims === session.claims
      ? session
      : verifiedSession(claims, this.#parts.policy);
  }

  async read(claims: NamedSession): Promise<SessionRecord | undefined> {
    const record = await this.#parts.store.read(claims.sid, claims.sub);
    return this.#notes.found(claims, record);
  }

  /** Notes a reload. Returns `false` if the session has ended. */
  async reloaded(
    claims: SessionClaims,
    loaded: { readonly lat: number; readonly data: unknown },
    note: ReloadNote,
  ): Promise<boolean> {
    const { store, keepsData, memory } = this.#parts;
    const change = reloadChange(claims, loaded, note, this.#parts);
    const { sid, sub } = claims;
    const record = await this.#notes.found(
      claims,
      await store.update(sid, sub, change),
    );
    if (!record) {
      return false;
    }
    if (!change.extend) this.#notes.end(claims, record);
    if (keepsData) {
      return true;
    }
    if (note.isDemanded) {
      memory.reload(sid, revisionOf(record), loaded.lat);
    } else if (record.revision > claims.rev) {
      this.#notes.hasReplaced({ ...claims, lat: loaded.lat }, record);
      memory.update(sid, revisionOf(record));
    }
    return true;
  }

  /** Moves the idle end of a session in use. Returns `false` if it has ended. */
  async extended(claims: TokenClaims): Promise<boolean> {
    const { store, policy } = this.#parts;
    const { sid, sub } = claims;
    const extend = lifetimeOf(claims, policy);
    const record = await store.update(sid, sub, { extend });
    return (await this.#notes.found(claims, record)) !== undefined;
  }

  /** Merges attributes. Returns `undefined` if the session has ended. */
  async changed(
    claims: SessionClaims,
    attributes: SessionClaims['attrs'],
    isPassive: boolean,
  ): Promise<Pick<SessionClaims, 'attrs' | 'rev'> | undefined> {
    const change = { attributes, ...(isPassive && { isPassive }) };
    const { sid, sub } = claims;
    const record = await this.#parts.store.update(sid, sub, change);
    const found = await this.#notes.found(claims, record);
    // An early load came before this change.
    if (found) this.#notes.hasReplaced(claims, found, found.revision - 1);
    return found && revisionOf(found);
  }

  /**
   * Exchanges a refresh token for its child.
   *
   * @param record the record before the exchange
   * @param kept the idle end, if it stays
   * @param deviceKey the device key whose proof came with the token
   */
  async rotate(
    claims: TokenClaims & RefreshLink,
    child: RefreshLink,
    record: SessionRecord | undefined,
    kept: KeptIdleEnd | undefined,
    deviceKey?: string,
  ): Promise<RotationVerdict> {
    const verdict = await this.#parts.store.rotate(
      claims.sid,
      claims.sub,
      presentedRefresh(claims, child, kept, deviceKey, this.#parts),
    );
    if (['unknown', 'expired', 'lost'].includes(verdict)) {
      await this.missing.note(claims);
    }
    return (verdict === 'repeated' || verdict === 'recovered') && record
      ? this.#repeated(verdict, claims, record, kept)
      : verdict;
  }

  /**
   * Binds a session to a device key. Only with a store that supports it.
   *
   * @param continuesFrom the refresh token that the browser holds
   */
  async bind(
    claims: NamedSession,
    key: string,
    continuesFrom?: HashedRefreshLink,
  ): Promise<BindVerdict> {
    const { sid, sub } = claims;
    const options = continuesFrom && { continuesFrom };
    const verdict = await this.#parts.store.bind!(sid, sub, key, options);
    if (verdict === 'unknown') await this.missing.note(claims);
    return verdict;
  }

  /**
   * Handles a repeated exchange: the first request may have been passive and this one active, or the other way round.
   */
  async #repeated(
    verdict: 'repeated' | 'recovered',
    claims: TokenClaims,
    before: SessionRecord,
    kept: KeptIdleEnd | undefined,
  ): Promise<RotationVerdict> {
    const { clock, policy } = this.#parts;
    if (kept) {
      // If it cannot be read now, nothing else changes.
      const record = await this.read(claims).catch(() => undefined);
      if (record) this.#notes.end({ ...claims, rexp: kept.end }, record);
      return verdict;
    }
    const end = endOfSessionUsedAt(clock.nowSeconds(), claims, policy);
    // Concurrent repeats extend the record only once.
    const moved = before.expiresAt.getTime() / 1000 + policy.toleranceSeconds;
    return moved >= end || (await this.extended(claims)) ? verdict : 'unknown';
  }
}
