import type { SessionClock } from '../ports/clock.js';
import { refusalError, type Refusal } from '../errors/refusal.js';
import { SessionConfigError } from '../errors/session-config-error.js';
import { SessionError } from '../errors/session-error.js';
import type { ResolvedSessionJwtOptions } from '../options/resolved-options.js';
import type { Transport } from '../ports/transport.js';
import type { RequestFacts } from '../ports/request-facts.js';
import { mergeAttributes } from '../stores/merge-attributes.js';
import type {
  SessionClaims,
  StatelessRefreshClaims,
} from '../tokens/session-claims.js';
import type { CarriedSessions } from './request/carried-sessions.js';
import {
  refuseCrossSiteSignIn,
  type CrossSiteParts,
} from './request/cross-site.js';
import type { ClockPolicy } from './model/freshness.js';
import {
  readGenerateOptions,
  readMetadata,
  toFrozenAttributes,
  type GenerateOptions,
} from './generate-options.js';
import type { LoaderCalls } from './loading/loader-calls.js';
import { newSession } from './new-session.js';
import { firstLink } from './model/refresh-chain.js';
import { sessionContext } from './model/session-context.js';
import type { SessionEnds } from './records/session-ends.js';
import type { SessionMemory } from './model/session-memory.js';
import type { SessionRecords } from './records/session-records.js';
import type { SessionRevocations } from './revocations/session-revocations.js';
import { refusalOf } from './model/session-standing.js';
import type { SignedSession } from './model/signed-session.js';
import { rewritten } from './tokens/refresh-claims.js';
import type { TokenIssuer } from './tokens/token-issuer.js';
import type { VerifiedSession } from './model/verified-session.js';

export interface SessionIssuerParts extends CrossSiteParts {
  readonly options: ResolvedSessionJwtOptions;
  readonly policy: ClockPolicy;
  readonly clock: SessionClock;
  readonly calls: LoaderCalls | undefined;
  readonly records: SessionRecords | undefined;
  readonly carried: CarriedSessions;
  readonly tokens: TokenIssuer;
  readonly memory: SessionMemory;
  readonly ends: SessionEnds;
  /** `undefined` without a revocation log. */
  readonly revocations: SessionRevocations | undefined;
}

/** Creates and changes sessions for the application. */
export class SessionIssuer {
  readonly #parts: SessionIssuerParts;

  constructor(parts: SessionIssuerParts) {
    this.#parts = parts;
  }

  /**
   * Creates a session: loads its data, signs and records it. The sessions that the request carried end.
   *
   * @param facts the request whose response delivers the tokens
   */
  async generate(
    params: unknown,
    options: GenerateOptions,
    facts: RequestFacts | undefined,
  ): Promise<SignedSession & { readonly carriers: readonly Transport[] }> {
    const { clock, policy, events, revocations } = this.#parts;
    const carriers = [this.#transportFor(options.transport)];
    const { crossSite } = options;
    refuseCrossSiteSignIn(this.#parts, { facts, carriers, crossSite });
    const now = clock.nowSeconds();
    const requested = readGenerateOptions(params, options, policy, now);
    const beganAt = await revocations?.beginningOf(requested.sub);
    const begun = newSession(requested, this.#parts.options, now, beganAt);
    const claims = await this.withData(begun);
    const signed = await this.begin(claims, options, carriers, facts);
    revocations?.noteBegun(claims);
    events.ofSession(claims, { type: 'created' });
    return { ...signed, carriers };
  }

  /** Signs and records a session whose data is loaded. */
  async begin(
    claims: SessionClaims,
    options: Pick<GenerateOptions, 'metadata'>,
    carriers: readonly Transport[],
    facts: RequestFacts | undefined,
  ): Promise<SignedSession> {
    const { clock, tokens, records, ends, carried, events } = this.#parts;
    const unready = tokens.ready();
    if (unready) await unready;
    const signedAt = clock.nowSeconds();
    const link = records && tokens.arePairs ? firstLink() : undefined;
    const session = tokens.extended(
      { ...claims, ...(link && { gen: link.gen }) },
      signedAt,
    );
    const refresh = tokens.refreshClaims(session, link);
    const signed = tokens.sign({ session, refresh }, carriers, signedAt);
    const before = facts ? (await carried.of(facts)).sessions : [];
    const replaced =
      records && before.find(({ sub }) => sub === claims.sub)?.sid;
    if (records) {
      const verdict = await records.create(
        session,
        link,
        readMetadata(options.metadata),
        replaced,
      );
      if (verdict.kind === 'refused') {
        const { limit } = this.#parts.options.store ?? {};
        events.tell({
          type: 'limitReached',
          subject: claims.sub,
          max: limit?.max ?? 0,
        });
        throw new SessionError(
          'SESSION_LIMIT',
          'the subject has reached the limit of maxSessions',
        );
      }
      for (const sid of verdict.ended) {
        ends.noteEndInStore({ sid, sub: claims.sub }, 'limit');
      }
    }
    try {
      for (const each of before) {
        if (each.sid === replaced) {
          ends.noteEndInStore(each, 'replaced');
        } else {
          await ends.replace(each);
        }
      }
    } catch (error) {
      await ends.discard(session);
      throw error;
    }
    return signed;
  }

  /**
   * Merges attributes into a session and signs it again. Two concurrent updates both survive: in the store or, without
   * one, because the merge starts from the newest attributes that this process knows.
   *
   * @param refresh the refresh token that came with the session, if it contains attributes as well
   * @param isPassive whether the request does not count as user activity
   * @throws {SessionError} `NOT_SERIALIZABLE`, `SESSION_TOO_LARGE`, `STORE_UNAVAILABLE`
   */
  async update(
    session: VerifiedSession,
    changes: object,
    carriers: readonly Transport[],
    refresh: StatelessRefreshClaims | undefined,
    isPassive: boolean,
  ): Promise<SignedSession | { readonly refusal: Refusal }> {
    const { memory, records, clock } = this.#parts;
    const { claims } = session;
    const now = clock.nowSeconds();
    const refusal = refusalOf(session, memory, now);
    if (refusal) {
      return { refusal };
    }
    const attributes = toFrozenAttributes(changes);
    await this.#parts.tokens.ready();
    const known = memory.newerThan(claims.sid, claims.rev) ?? claims;
    const merged = {
      attrs: mergeAttributes(known.attrs, attributes),
      rev: known.rev + 1,
    };
    // Signed before the store is updated: attributes that fit into no token must not get into the record.
    const signed = this.#signUpdated(claims, merged, carriers, refresh);
    if (!records) {
      memory.update(claims.sid, merged);
      return signed;
    }
    const recorded = await records.changed(claims, attributes, isPassive);
    if (!recorded) {
      return { refusal: memory.endOf(claims) ?? 'unknown' };
    }
    memory.update(claims.sid, recorded);
    return this.#signUpdated(claims, recorded, carriers, undefined);
  }

  #signUpdated(
    claims: SessionClaims,
    merged: Pick<SessionClaims, 'attrs' | 'rev'>,
    carriers: readonly Transport[],
    refresh: StatelessRefreshClaims | undefined,
  ): SignedSession {
    const { tokens, clock, memory } = this.#parts;
    const now = clock.nowSeconds();
    const lat = memory.loadTimeOf(claims);
    const session = tokens.reissued({ ...claims, ...merged, lat }, now);
    return tokens.sign(
      { session, refresh: refresh && rewritten(refresh, session) },
      carriers,
      now,
    );
  }

  #transportFor(name: string | undefined): Transport {
    const { transports } = this.#parts;
    const transport =
      name === undefined ? transports.all[0] : transports.named(name);
    if (!transport) {
      const known = transports.all.map((each) => `'${each.name}'`).join(', ');
      throw new SessionConfigError([
        `generate: transport: expected ${known}, got '${name}'`,
      ]);
    }
    return transport;
  }

  /**
   * Returns a new session with its data.
   *
   * @throws {SessionError} `SESSION_ENDED`, `LOADER_UNAVAILABLE`, `NOT_SERIALIZABLE`
   */
  async withData(claims: SessionClaims): Promise<SessionClaims> {
    const { calls, events } = this.#parts;
    if (!calls) {
      return claims;
    }
    const outcome = await calls.call(claims.params, {
      ...sessionContext(claims),
      reason: 'generate',
    });
    switch (outcome.kind) {
      case 'loaded':
        return { ...claims, data: outcome.data };
      case 'params-refused':
        throw refusalError('params');
      case 'failed':
        events.ofSession(claims, {
          type: 'loaderFailed',
          code: outcome.error.code,
          error: outcome.error.cause ?? outcome.error,
        });
        throw outcome.error;
      case 'ended':
        throw outcome.error;
    }
  }
}
