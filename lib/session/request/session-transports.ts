import type { Refusal } from '../../errors/refusal.js';
import { REFUSALS } from '../../errors/refusal.js';
import type { Delivery, Transport } from '../../ports/transport.js';
import type { RequestFacts } from '../../ports/request-facts.js';
import { isAmbient } from './cross-site.js';
import { always, type Dispatch } from '../model/dispatch.js';
import type { SessionOutcome } from '../model/session-outcome.js';

/** The transports of the module, and what is common to all of them. */
export class SessionTransports {
  /** In the order in which they are read. */
  readonly all: readonly Transport[];
  /** The request headers on which outcomes depend, as `Vary` lists them. */
  readonly varyBy: string | undefined;
  /** Whether browsers send any of our tokens on their own. */
  readonly hasAmbient: boolean;
  readonly #clearsRefused: boolean;

  /** @param clearsRefused whether refused tokens are cleared from the client */
  constructor(all: readonly Transport[], clearsRefused = true) {
    this.all = all;
    this.hasAmbient = all.some(isAmbient);
    const fields = new Set(all.flatMap(({ varyBy }) => varyBy ?? []));
    this.varyBy = fields.size > 0 ? [...fields].join(', ') : undefined;
    this.#clearsRefused = clearsRefused;
  }

  /**
   * Clears the client's tokens.
   *
   * @param facts what the client sent, which may show that it has more than one token
   */
  clearing(
    facts: RequestFacts | undefined,
    transports: readonly Transport[] = this.all,
  ): Dispatch {
    return always([
      ...transports.flatMap((transport) => transport.clear()),
      ...leftoversOf(transports, facts),
    ]);
  }

  /** Clears old tokens that a client would send alongside the new ones that it receives. */
  clearingLeftovers(facts: RequestFacts): Dispatch {
    return always(leftoversOf(this.all, facts));
  }

  /** Makes a browser load the page again: by then, it has refreshed its bound session. */
  loadingAgain(): Dispatch {
    return always([
      { kind: 'header', name: 'Refresh', value: '0', isExposed: false },
    ]);
  }

  /** The ways to authenticate, for the `WWW-Authenticate` of a 401. */
  get challenges(): readonly string[] {
    return this.all.flatMap(({ challenge }) => challenge ?? []);
  }

  /** Returns the transports that carried the tokens of a request; for one without any, the first. */
  carriersOf(facts: RequestFacts | undefined): readonly Transport[] {
    const carriers = facts
      ? this.all.filter((transport) =>
          tokensOf(transport, facts).some((token) => typeof token === 'string'),
        )
      : [];
    return carriers.length > 0 ? carriers : this.all.slice(0, 1);
  }

  /** Returns the session token of a request, from the first transport that has one. */
  tokenIn(facts: RequestFacts): string | undefined {
    for (const transport of this.all) {
      const token = transport.read(facts);
      if (typeof token === 'string') {
        return token;
      }
    }
    return undefined;
  }

  /**
   * Returns the transports that carried the session token of an authenticated request. Leaves out those that carried
   * only a refresh token: it may belong to another session, which must not get a token of this one.
   */
  bringersOf(facts: RequestFacts): readonly Transport[] {
    const bringers = this.all.filter(
      (transport) => typeof transport.read(facts) === 'string',
    );
    return bringers.length > 0 ? bringers : this.carriersOf(facts);
  }

  /** Returns the transports that carry anything of ours, readable or not. */
  carrying(facts: RequestFacts): readonly Transport[] {
    return this.all.filter(
      (transport) => tokensOf(transport, facts).length > 0,
    );
  }

  named(name: string): Transport | undefined {
    return this.all.find((transport) => transport.name === name);
  }

  /**
   * Rejects a request: the one place that decides whether a refusal costs the client its tokens.
   *
   * @param carriers the transports that carried what is refused: no other one loses its tokens
   */
  rejected(
    refusal: Refusal,
    facts?: RequestFacts,
    carriers: readonly Transport[] = [],
  ): Extract<SessionOutcome, { kind: 'rejected' }> {
    return {
      kind: 'rejected',
      refusal,
      dispatch:
        this.#clearsRefused && REFUSALS[refusal].clears && carriers.length > 0
          ? this.clearing(facts, carriers)
          : undefined,
    };
  }
}

function leftoversOf(
  transports: readonly Transport[],
  facts: RequestFacts | undefined,
): readonly Delivery[] {
  return facts
    ? transports.flatMap((each) => each.clearLeftovers?.(facts) ?? [])
    : [];
}

function tokensOf(transport: Transport, facts: RequestFacts): unknown[] {
  return [transport.read(facts), transport.readRefresh?.(facts)].filter(
    (token) => token !== undefined,
  );
}
