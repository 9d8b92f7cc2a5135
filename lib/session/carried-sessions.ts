import type { Refusal } from '../errors/refusal.js';
import type { Transport } from '../options/transport.js';
import type { RequestFacts } from '../request-facts.js';
import type { NamedSession, RefreshClaims } from '../tokens/session-claims.js';
import type { TokenCodec } from '../tokens/token-codec.js';
import type { SessionTransports } from './session-transports.js';

/** What both codecs have in common here. */
interface Verifies {
  verify(token: string): NamedSession | Refusal;
}

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

  /**
   * @param refreshToken one that came in the body of the request
   * @param transports those that are asked; all by default
   */
  async of(
    facts: RequestFacts,
    refreshToken?: string,
    transports = this.#transports.all,
  ): Promise<readonly NamedSession[]> {
    await this.#codec.ready();
    let claims = this.#read(facts, refreshToken, transports);
    if (claims.includes('unknown-key')) {
      await this.#codec.learn();
      claims = this.#read(facts, refreshToken, transports);
    }
    const named = new Map<string, NamedSession>();
    for (const each of claims) {
      if (typeof each === 'object') {
        named.set(each.sid, { sid: each.sid, sub: each.sub });
      }
    }
    return [...named.values()];
  }

  /** What the tokens of a request say, or why they are refused. */
  #read(
    facts: RequestFacts,
    refreshToken: string | undefined,
    transports: readonly Transport[],
  ): readonly (NamedSession | Refusal)[] {
    const read = (codec: Verifies | undefined, token: unknown) =>
      codec && typeof token === 'string' ? [codec.verify(token)] : [];
    return [
      ...transports.flatMap((transport) => [
        ...read(this.#codec, transport.read(facts)),
        ...read(this.#refreshCodec, transport.readRefresh?.(facts)),
      ]),
      ...read(this.#refreshCodec, refreshToken),
    ];
  }
}
