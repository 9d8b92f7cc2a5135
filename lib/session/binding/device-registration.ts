import { isFromPage } from '../../binding/binding-headers.js';
import type {
  DeviceChallenges,
  OfferedSession,
} from '../../binding/device-challenges.js';
import type { DeviceKey } from '../../binding/device-key.js';
import { proofIn } from '../../binding/device-proof.js';
import type { Refusal } from '../../errors/refusal.js';
import type { Transport } from '../../ports/transport.js';
import type { RequestFacts } from '../../ports/request-facts.js';
import type { SessionClock } from '../../ports/clock.js';
import type {
  RefreshClaims,
  SessionClaims,
  StatelessRefreshClaims,
} from '../../tokens/session-claims.js';
import { boundKeyOf } from '../model/bound-key.js';
import { linkOf } from '../model/refresh-chain.js';
import { hashedLink } from '../records/presented-refresh.js';
import type { SessionEvents } from '../model/session-events.js';
import type { SessionMemory } from '../model/session-memory.js';
import { refusalOf } from '../model/session-standing.js';
import type { SignedSession } from '../model/signed-session.js';
import type { SessionEnds } from '../records/session-ends.js';
import type { SessionRecords } from '../records/session-records.js';
import { rewritten } from '../tokens/refresh-claims.js';
import type { TokenIssuer } from '../tokens/token-issuer.js';
import type { TokenVerifier } from '../tokens/token-verifier.js';
import type { BindingAnswer, BindingAnswers } from './binding-answers.js';

export interface DeviceRegistrationParts {
  readonly challenges: DeviceChallenges;
  readonly cookies: Transport;
  readonly verifier: TokenVerifier;
  readonly tokens: TokenIssuer;
  /** `undefined` without a store. */
  readonly records: SessionRecords | undefined;
  readonly memory: SessionMemory;
  readonly ends: SessionEnds;
  readonly events: SessionEvents;
  readonly clock: SessionClock;
}

/** Binds sessions to keys of the users' devices (Device Bound Session Credentials, section 8.6). */
export class DeviceRegistration {
  readonly #parts: DeviceRegistrationParts;
  readonly #answers: BindingAnswers;

  constructor(parts: DeviceRegistrationParts, answers: BindingAnswers) {
    this.#parts = parts;
    this.#answers = answers;
  }

  /**
   * Binds a session to the key that a browser presents. The challenge alone names the session: after a sign-in by a
   * redirect from another site, browsers send no cookies here. Only the first key is accepted; another one means that
   * someone has the challenge, and ends the session.
   */
  async register(facts: RequestFacts): Promise<BindingAnswer> {
    const { challenges, memory, records, verifier } = this.#parts;
    const proof = proofIn(facts);
    const key = proof?.presentedKey;
    if (isFromPage(facts)) {
      return this.#answers.refused('cross-site');
    }
    if (!proof || !key || !proof.isSignedBy(key)) {
      return this.#answers.refused('unproven');
    }
    const offered = challenges.offeredBy(proof.challenge);
    if (!offered) {
      return this.#answers.refused('unproven');
    }
    const unready = verifier.ready();
    if (unready) await unready;
    const found = await this.#answers.refreshTokenIn(facts);
    if (found && 'answer' in found) {
      return found.answer;
    }
    if (found && found.claims.sid !== offered.sid) {
      return this.#answers.refusedTo(offered, 'other-session');
    }
    const end = memory.endOf(offered);
    if (end) {
      return this.#answers.ended(end, facts);
    }
    if (!records) {
      return this.#bindStateless(offered, key, found?.claims, facts);
    }
    const refusal = await this.#record(offered, key, records, found?.claims);
    if (refusal) {
      return this.#answers.ended(refusal, facts);
    }
    this.#parts.events.ofSession(offered, { type: 'bound' });
    const session = found && this.#sessionIn(facts, offered.sid);
    return {
      kind: 'bound',
      sid: offered.sid,
      signed: session && this.#signed(session, key, undefined),
    };
  }

  /** Binds a session that only its tokens know: they must be presented, and are issued anew. */
  #bindStateless(
    offered: OfferedSession,
    key: DeviceKey,
    refresh: RefreshClaims | undefined,
    facts: RequestFacts,
  ): BindingAnswer {
    const session = this.#sessionIn(facts, offered.sid);
    if (!session || !refresh || linkOf(refresh)) {
      return this.#answers.refused('unproven');
    }
    const stateless = refresh as StatelessRefreshClaims;
    const bound = boundKeyOf(stateless);
    if (bound && bound.key?.thumbprint !== key.thumbprint) {
      return this.#answers.refusedTo(offered, 'other-key');
    }
    const signed = this.#signed(session, key, stateless);
    this.#parts.events.ofSession(offered, { type: 'bound' });
    return { kind: 'bound', sid: offered.sid, signed };
  }

  /** Records the key. Returns why the session has ended, if it has. */
  async #record(
    offered: OfferedSession,
    key: DeviceKey,
    records: SessionRecords,
    presented: RefreshClaims | undefined,
  ): Promise<Refusal | undefined> {
    const link = presented && linkOf(presented);
    // The owner's browser has one of these. A thief who was faster may have exchanged it before.
    const continuesFrom = link ? hashedLink(link) : offered.link;
    const verdict = await records.bind(offered, key.text, continuesFrom);
    switch (verdict) {
      case 'bound':
        return undefined;
      case 'unknown':
        return 'unknown';
      case 'conflict':
        this.#parts.events.ofSession(offered, {
          type: 'boundRefused',
          reason: 'other-key',
        });
        this.#parts.ends.noteEndInStore(offered, 'conflict');
        return 'ended';
    }
  }

  /** Returns the session of the session token, if that is still valid. */
  #sessionIn(facts: RequestFacts, sid: string): SessionClaims | undefined {
    const { cookies, verifier, memory, clock } = this.#parts;
    const token = cookies.read(facts);
    const session = typeof token === 'string' ? verifier.verify(token) : token;
    return typeof session === 'object' &&
      session.claims.sid === sid &&
      refusalOf(session, memory, clock.nowSeconds()) === undefined
      ? session.claims
      : undefined;
  }

  /** Signs the session token again, now with the thumbprint of the key. Its end stays where it is. */
  #signed(
    session: SessionClaims,
    { thumbprint, jwk }: DeviceKey,
    refresh: StatelessRefreshClaims | undefined,
  ): SignedSession {
    const { tokens, clock, cookies } = this.#parts;
    const now = clock.nowSeconds();
    const bound = { ...session, cnf: { jkt: thumbprint } };
    return tokens.sign(
      {
        session: tokens.reissued(bound, now),
        refresh: refresh && {
          ...rewritten(refresh, session),
          cnf: { jwk },
        },
      },
      [cookies],
      now,
    );
  }
}
