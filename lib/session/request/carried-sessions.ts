import type { Refusal } from '../../errors/refusal.js';
import { AMBIGUOUS_TOKEN, type Transport } from '../../ports/transport.js';
import type { RequestFacts } from '../../ports/request-facts.js';
import type {
  NamedSession,
  RefreshClaims,
} from '../../tokens/session-claims.js';
import type { TokenCodec } from '../../tokens/token-codec.js';
import { isAmbient } from './cross-site.js';
import type { SessionTransports } from './session-transports.js';

/**
 * The most tokens of one kind that are checked in one transport: a page can plant as many cookies as fit into a
 * request, and each costs a signature check.
 */
const MAXIMUM_TOKENS = 16;

/** Refusals that leave open whether the token is one of ours. */
const UNDECIDED: ReadonlySet<unknown> = new Set<Refusal>([
  'ambiguous',
  'unknown-key',
  'newer-version',
]);

/** What both codecs have in common. */
interface Verifies {
  verify(token: string): NamedSession | Refusal;
}

interface CarriedToken {
  /** `undefined` for the body of the request. */
  readonly carrier: Transport | undefined;
  readonly codec: Verifies;
  readonly token: unknown;
}

/** The sessions that a request may end. */
export interface FoundSessions {
  readonly sessions: readonly NamedSession[];
  /** `false` if the request carries what may be a token of another session. */
  readonly isComplete: boolean;
}

/** Finds the sessions that a request carries, by tokens of either kind: expired ones included, forged ones not. */
export class CarriedSessions {
  readonly #transports: SessionTransports;
  readonly #codec: TokenCodec;
  readonly #refreshCodec: TokenCodec<RefreshClaims> | undefined;

  constructor(
    transports: SessionTransports,
    codec: TokenCodec,
    refreshCodec: TokenCodec<RefreshClaims> | undefined,
  ) {
    this.#transports = transports;
    this.#codec = codec;
    this.#refreshCodec = refreshCodec;
  }

  /**
   * Finds the session of every authentic token: two cookies of the same name do not show which one is in use. The
   * holder of a token may end its session, so a planted cookie ends only the attacker's session.
   *
   * @param refreshToken one from the body of the request
   */
  async of(facts: RequestFacts, refreshToken?: string): Promise<FoundSessions> {
    const verdicts = await this.#verdicts(
      this.#tokens(facts, refreshToken, readAllOf),
    );
    return {
      sessions: sessionsIn(verdicts),
      isComplete: !verdicts.some(({ verdict }) => UNDECIDED.has(verdict)),
    };
  }

  /** Finds the sessions that some transports name; none if one of them carries two tokens of the same name. */
  async namedBy(
    transports: readonly Transport[],
    facts: RequestFacts,
  ): Promise<readonly NamedSession[]> {
    const verdicts = await this.#verdicts(
      this.#tokens(facts, undefined, readOf, transports),
    );
    return verdicts.some(({ verdict }) => verdict === 'ambiguous')
      ? []
      : sessionsIn(verdicts);
  }

  /**
   * Returns the transports that lose their tokens because the request names different sessions; `undefined` if it does
   * not. A token in the body never costs a transport its tokens.
   *
   * @param refreshToken one from the body of the request
   */
  async conflictOf(
    facts: RequestFacts,
    refreshToken: string | undefined,
  ): Promise<readonly Transport[] | undefined> {
    const verdicts = await this.#verdicts(
      this.#tokens(facts, refreshToken, readOf),
    );
    const authentic = verdicts.filter(
      ({ verdict }) => typeof verdict === 'object',
    );
    if (sessionsIn(authentic).length < 2) {
      return undefined;
    }
    const ambient = authentic.filter(
      ({ carrier }) => carrier && isAmbient(carrier),
    );
    return sessionsIn(ambient).length < 2
      ? []
      : [...new Set(ambient.flatMap(({ carrier }) => carrier ?? []))];
  }

  /** Returns the transports that carry a token of a session. The keys must be ready. */
  carriersOf(facts: RequestFacts, sid: string): readonly Transport[] {
    const carriers = this.#tokens(facts, undefined, readOf)
      .map(verified)
      .filter(
        ({ verdict }) => typeof verdict === 'object' && verdict.sid === sid,
      )
      .flatMap(({ carrier }) => carrier ?? []);
    return [...new Set(carriers)];
  }

  /** Returns what the tokens of a request contain, or why they are refused. */
  async #verdicts(
    tokens: readonly CarriedToken[],
  ): Promise<ReturnType<typeof verified>[]> {
    await this.#codec.ready();
    const verdicts = tokens.map(verified);
    if (!verdicts.some(({ verdict }) => verdict === 'unknown-key')) {
      return verdicts;
    }
    await this.#codec.learn();
    return tokens.map(verified);
  }

  #tokens(
    facts: RequestFacts,
    refreshToken: string | undefined,
    read: typeof readOf,
    transports = this.#transports.all,
  ): readonly CarriedToken[] {
    const carried = (
      carrier: Transport | undefined,
      codec: Verifies | undefined,
      tokens: readonly unknown[],
    ): CarriedToken[] =>
      codec ? tokens.map((token) => ({ carrier, codec, token })) : [];
    return [
      ...transports.flatMap((transport) => {
        const { session, refresh } = read(transport, facts);
        return [
          ...carried(transport, this.#codec, session),
          ...carried(transport, this.#refreshCodec, refresh),
        ];
      }),
      ...carried(undefined, this.#refreshCodec, given(refreshToken)),
    ];
  }
}

interface ReadTokens {
  readonly session: readonly unknown[];
  readonly refresh: readonly unknown[];
}

function readOf(transport: Transport, facts: RequestFacts): ReadTokens {
  return {
    session: given(transport.read(facts)),
    refresh: given(transport.readRefresh?.(facts)),
  };
}

function readAllOf(transport: Transport, facts: RequestFacts): ReadTokens {
  const one = readOf(transport, facts);
  return {
    session: bounded(transport.readAll?.(facts) ?? one.session),
    refresh: bounded(transport.readAllRefresh?.(facts) ?? one.refresh),
  };
}

function given(token: unknown): readonly unknown[] {
  return token === undefined ? [] : [token];
}

/** Limits the tokens to check. Any excess counts as one unreadable token. */
function bounded(tokens: readonly unknown[]): readonly unknown[] {
  const different = [...new Set(tokens)];
  return different.length > MAXIMUM_TOKENS
    ? [...different.slice(0, MAXIMUM_TOKENS), AMBIGUOUS_TOKEN]
    : different;
}

function verified({ carrier, codec, token }: CarriedToken): {
  readonly carrier: Transport | undefined;
  readonly verdict: NamedSession | Refusal;
} {
  if (typeof token === 'string') {
    return { carrier, verdict: codec.verify(token) };
  }
  const verdict = token === AMBIGUOUS_TOKEN ? 'ambiguous' : 'malformed';
  return { carrier, verdict };
}

function sessionsIn(
  verdicts: readonly { readonly verdict: NamedSession | Refusal }[],
): readonly NamedSession[] {
  const named = new Map<string, NamedSession>();
  for (const { verdict } of verdicts) {
    if (typeof verdict === 'object') {
      named.set(verdict.sid, { sid: verdict.sid, sub: verdict.sub });
    }
  }
  return [...named.values()];
}
