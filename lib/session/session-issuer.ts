import type { SessionClock } from '../clock.js';
import { isUnsafe, judgeOrigin, mustProveOrigin } from '../csrf/csrf-policy.js';
import { REFUSALS, refusalError } from '../errors/refusal.js';
import { SessionConfigError } from '../errors/session-config-error.js';
import type { ResolvedSessionJwtOptions } from '../options/resolved-options.js';
import type { Transport } from '../options/transport.js';
import type { RequestFacts } from '../request-facts.js';
import type { SessionClaims } from '../tokens/session-claims.js';
import type { TokenCodec } from '../tokens/token-codec.js';
import type { ClockPolicy } from './freshness.js';
import {
  readGenerateOptions,
  toFrozenAttributes,
  type GenerateOptions,
} from './generate-options.js';
import type { LoaderCalls } from './loader-calls.js';
import { newSession } from './new-session.js';
import { sessionContext } from './session-context.js';
import type { SessionEndReason, SessionEvents } from './session-events.js';
import type { SessionLoads } from './session-loads.js';
import type { SessionMemory } from './session-memory.js';
import type { Dispatch } from './dispatch.js';
import { refusalOf } from './session-standing.js';
import type { SessionTransports } from './session-transports.js';
import type { SignedSession, TokenIssuer } from './token-issuer.js';
import type { VerifiedSession } from './verified-session.js';

export interface SessionIssuerParts {
  readonly options: ResolvedSessionJwtOptions;
  readonly policy: ClockPolicy;
  readonly clock: SessionClock;
  readonly codec: TokenCodec;
  readonly calls: LoaderCalls | undefined;
  readonly loads: SessionLoads;
  readonly tokens: TokenIssuer;
  readonly transports: SessionTransports;
  readonly memory: SessionMemory;
  readonly events: SessionEvents;
}

/** What the application does with sessions: begin, change and end them. */
export class SessionIssuer {
  readonly #parts: SessionIssuerParts;

  constructor(parts: SessionIssuerParts) {
    this.#parts = parts;
  }

  /**
   * Loads the data and signs a new session; the ones that the request carried end.
   *
   * @param facts the request whose response brings the token
   */
  async generate(
    params: unknown,
    options: GenerateOptions,
    facts: RequestFacts | undefined,
  ): Promise<SignedSession & { readonly carriers: readonly Transport[] }> {
    const { clock, policy, tokens, events } = this.#parts;
    const carriers = [this.#transportFor(options.transport)];
    this.#refuseCrossSite(facts, carriers, options.crossSite);
    const now = clock.nowSeconds();
    const requested = readGenerateOptions(params, options, policy, now);
    const session = newSession(requested, this.#parts.options, now);
    const claims = { ...session, ...(await this.load(session)) };
    const signedAt = clock.nowSeconds();
    const signed = tokens.sign(
      tokens.renewed(claims, signedAt),
      carriers,
      signedAt,
    );
    this.#endCarried(facts, 'replaced');
    events.ofSession(claims, { type: 'created' });
    return { ...signed, carriers };
  }

  /**
   * Merges attributes into a session and signs it again. The merge starts from the newest attributes that
   * this process knows, so that two updates at once both survive.
   *
   * @throws {SessionError} `SESSION_ENDED`, `TOKEN_EXPIRED`, `NOT_SERIALIZABLE`, `SESSION_TOO_LARGE`
   */
  update(
    session: VerifiedSession,
    changes: object,
    carriers: readonly Transport[],
  ): SignedSession {
    const { memory, tokens, clock } = this.#parts;
    const { sid } = session.claims;
    const now = clock.nowSeconds();
    const refusal = refusalOf(session, memory, now);
    if (refusal) {
      throw refusalError(refusal);
    }
    const known = memory.newerThan(sid, session.claims.rev) ?? session.claims;
    const attrs = mergeAttributes(known.attrs, toFrozenAttributes(changes));
    const claims: SessionClaims = {
      ...session.claims,
      attrs,
      rev: known.rev + 1,
    };
    const signed = tokens.sign(tokens.reissued(claims, now), carriers, now);
    memory.update(sid, { rev: claims.rev, attrs });
    return signed;
  }

  /** Ends a session in this process. */
  end(
    claims: Pick<SessionClaims, 'sid' | 'sub'>,
    reason: SessionEndReason,
  ): Dispatch {
    const { memory, loads, events, transports } = this.#parts;
    if (!memory.endOf(claims.sid)) {
      memory.end(claims.sid, reason === 'replaced' ? 'replaced' : 'ended');
      events.ofSession(claims, { type: 'ended', reason, reach: 'process' });
    }
    loads.forget(claims.sid);
    return transports.clearing;
  }

  /** Ends the sessions that a request carries, expired ones too; a forged token ends nothing. */
  endOfRequest(facts: RequestFacts, crossSite?: boolean): Dispatch {
    this.#refuseCrossSite(facts, this.#parts.transports.all, crossSite);
    this.#endCarried(facts, 'revoked');
    return this.#parts.transports.clearing;
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

  /** A sign-in or sign-out that another site posts would put the user into the attacker's session, or out. */
  #refuseCrossSite(
    facts: RequestFacts | undefined,
    carriers: readonly Transport[],
    crossSite: unknown,
  ): void {
    if (!facts || crossSite === true || !isUnsafe(facts)) {
      return;
    }
    const carrying = this.#parts.transports.all.filter(
      (transport) => transport.read(facts) !== undefined,
    );
    const mustProve = mustProveOrigin({
      writesAmbient: carriers.some(isAmbient),
      carriesAmbient: carrying.some(isAmbient),
      carriesToken: carrying.length > 0,
    });
    if (!mustProve) {
      return;
    }
    const decision = judgeOrigin(facts, this.#parts.options.csrf);
    if (!decision.allowed) {
      const { code } = REFUSALS[decision.reason];
      this.#parts.events.rejected(code, decision.reason);
      throw refusalError(decision.reason);
    }
  }

  /**
   * The data of a session that begins.
   *
   * @throws {SessionError} `SESSION_ENDED`, `LOADER_UNAVAILABLE`, `NOT_SERIALIZABLE`
   */
  async load(
    claims: Omit<SessionClaims, 'exp' | 'data'>,
  ): Promise<{ data?: unknown }> {
    const { calls, events } = this.#parts;
    if (!calls) {
      return {};
    }
    const outcome = await calls.call(claims.params, {
      ...sessionContext(claims),
      reason: 'generate',
    });
    switch (outcome.kind) {
      case 'loaded':
        return { data: outcome.data };
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

  #endCarried(facts: RequestFacts | undefined, reason: SessionEndReason): void {
    for (const transport of facts ? this.#parts.transports.all : []) {
      const token = transport.read(facts!);
      const claims =
        typeof token === 'string' ? this.#parts.codec.verify(token) : undefined;
      if (typeof claims === 'object') {
        this.end(claims, reason);
      }
    }
  }
}

function isAmbient({ ambient }: Transport): boolean {
  return ambient !== false;
}

/** `null` removes an attribute. */
function mergeAttributes(
  attributes: SessionClaims['attrs'],
  changes: SessionClaims['attrs'],
): SessionClaims['attrs'] {
  const merged = Object.entries({ ...attributes, ...changes });
  return Object.freeze(
    Object.fromEntries(merged.filter(([, value]) => value !== null)),
  );
}
