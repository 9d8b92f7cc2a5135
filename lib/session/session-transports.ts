import type { Refusal } from '../errors/refusal.js';
import { REFUSALS } from '../errors/refusal.js';
import type { Transport } from '../options/transport.js';
import type { RequestFacts } from '../request-facts.js';
import type { Dispatch } from './dispatch.js';
import { unavailable, type SessionOutcome } from './session-outcome.js';
import type { Renewal } from './session-renewal.js';

/** The transports of the module, and what is the same for all of them. */
export class SessionTransports {
  /** In the order in which they are asked. */
  readonly all: readonly Transport[];
  /** The request headers on which verdicts depend, as `Vary` lists them. */
  readonly varyBy: string | undefined;
  readonly #clearing: Dispatch;

  readonly #clearsRefused: boolean;

  /** @param clearsRefused whether a client whose tokens are refused is told to forget them */
  constructor(all: readonly Transport[], clearsRefused = true) {
    this.all = all;
    const fields = new Set(all.flatMap(({ varyBy }) => varyBy ?? []));
    this.varyBy = fields.size > 0 ? [...fields].join(', ') : undefined;
    this.#clearsRefused = clearsRefused;
    this.#clearing = {
      deliveries: all.flatMap((transport) => transport.clear()),
      isCurrent: () => true,
    };
  }

  /** What makes the client forget its tokens, whichever transport brought them. */
  get clearing(): Dispatch {
    return this.#clearing;
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

  /** Whether a browser sent the tokens of a request by itself; no other site makes it send one in a header. */
  isAmbientIn(facts: RequestFacts): boolean {
    const bringing = this.all.filter(
      (transport) => transport.read(facts) !== undefined,
    );
    return (bringing.length > 0 ? bringing : this.carrying(facts)).some(
      ({ ambient }) => ambient !== false,
    );
  }

  named(name: string): Transport | undefined {
    return this.all.find((transport) => transport.name === name);
  }

  /** The one place that decides whether a refusal costs the client its tokens. */
  rejected(refusal: Refusal): Extract<SessionOutcome, { kind: 'rejected' }> {
    return {
      kind: 'rejected',
      refusal,
      dispatch:
        this.#clearsRefused && REFUSALS[refusal].clears
          ? this.#clearing
          : undefined,
    };
  }

  /** What a renewal means for the request that asked for it. */
  outcomeOf(renewal: Renewal): SessionOutcome {
    switch (renewal.kind) {
      case 'signed':
        return renewal.signed.session;
      case 'rejected':
        return this.rejected(renewal.refusal);
      case 'failed':
        return unavailable(renewal.error);
    }
  }
}

function tokensOf(transport: Transport, facts: RequestFacts): unknown[] {
  return [transport.read(facts), transport.readRefresh?.(facts)].filter(
    (token) => token !== undefined,
  );
}
