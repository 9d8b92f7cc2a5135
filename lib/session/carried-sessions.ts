import type { RequestFacts } from '../request-facts.js';
import type { NamedSession, RefreshClaims } from '../tokens/session-claims.js';
import type { TokenCodec } from '../tokens/token-codec.js';
import type { SessionTransports } from './session-transports.js';

/** Finds the sessions that a request carries, by tokens of either kind; expired ones too, forged ones not. */
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

  /** @param refreshToken one that came in the body of the request */
  of(facts: RequestFacts, refreshToken?: string): readonly NamedSession[] {
    const named = new Map<string, NamedSession>();
    const add = (claims: unknown): void => {
      if (typeof claims === 'object' && claims !== null) {
        const { sid, sub } = claims as NamedSession;
        named.set(sid, { sid, sub });
      }
    };
    const addRefresh = (token: unknown): void => {
      if (typeof token === 'string') add(this.#refreshCodec?.verify(token));
    };
    for (const transport of this.#transports.all) {
      const token = transport.read(facts);
      if (typeof token === 'string') add(this.#codec.verify(token));
      addRefresh(transport.readRefresh?.(facts));
    }
    addRefresh(refreshToken);
    return [...named.values()];
  }
}
