import type { Refusal } from '../errors/refusal.js';
import { REFUSALS } from '../errors/refusal.js';
import type { Delivery, Transport } from '../options/transport.js';
import type { RequestFacts } from '../request-facts.js';
import type { Dispatch } from './dispatch.js';
import type { SessionOutcome } from './session-outcome.js';

/** The transports of the module, and what is the same for all of them. */
export class SessionTransports {
  /** In the order in which they are asked. */
  readonly all: readonly Transport[];
  /** The request headers on which verdicts depend, as `Vary` lists them. */
  readonly varyBy: string | undefined;
  readonly #clearsRefused: boolean;

  /** @param clearsRefused whether a client whose tokens are refused is told to forget them */
  constructor(all: readonly Transport[], clearsRefused = true) {
    this.all = all;
    const fields = new Set(all.flatMap(({ varyBy }) => varyBy ?? []));
    this.varyBy = fields.size > 0 ? [...fields].join(', ') : undefined;
    this.#clearsRefused = clearsRefused;
  }

  /**
   * Makes the client forget its tokens.
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

  /** Makes a client that gets new tokens forget those that would come beside them. */
  clearingLeftovers(facts: RequestFacts): Dispatch {
    return always(leftoversOf(this.all, facts));
  }

  /** How a client may authenticate, for the `WWW-Authenticate` of a 401. */
  get challenges(): readonly string[] {
    return this.all.flatMap(({ challenge }) => challenge ?? []);
  }

  /** The transports that brought the tokens of a request; for one without any, the first. */
  carriersOf(facts: RequestFacts | undefined): readonly Transport[] {
    const carriers = facts
      ? this.all.filter((transport) =>
          tokensOf(transport, facts).some((token) => typeof token === 'string'),
        )
      : [];
    return carriers.length > 0 ? carriers : this.all.slice(0, 1);
  }

  /** The transports that carry anything of ours, be it readable or not. */
  carrying(facts: RequestFacts): readonly Transport[] {
    return this.all.filter(
      (transport) => tokensOf(transport, facts).length > 0,
    );
  }

  named(name: string): Transport | undefined {
    return this.all.find((transport) => transport.name === name);
  }

  /**
   * The one place that decides whether a refusal costs the client its tokens.
   *
   * @param carriers the transports that carried what is refused: no other loses anything
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

function always(deliveries: readonly Delivery[]): Dispatch {
  return { deliveries, isCurrent: () => true };
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
