import type { Random } from '../../support/random.js';
import { between, choose } from './choose.js';
import type { Cut, Direction, FaultyProxy } from './faulty-proxy.js';

/** What may be wrong between a process and its store, or with what it reads of users. */
export type FaultKind =
  | { readonly kind: 'stall'; readonly directions: readonly Direction[] }
  | { readonly kind: 'delay'; readonly directions: readonly Direction[] }
  | { readonly kind: 'cut'; readonly how: Cut }
  | { readonly kind: 'unreachable' }
  | { readonly kind: 'loader'; readonly mood: 'slow' | 'failing' };

/** A fault of a round: where, and from which wave of requests to which. */
export interface PlannedFault {
  readonly what: FaultKind;
  /** The process, or one above them for what all share. */
  readonly place: number;
  /** One connection, by its age; `undefined` for all. */
  readonly connection: number | undefined;
  readonly from: number;
  readonly until: number;
  /** How many chunks pass before a stall. */
  readonly afterChunks: number;
  readonly milliseconds: number;
}

export interface PlannedRound {
  readonly faults: readonly PlannedFault[];
  /** Something happens to the servers of the store, from this wave on. */
  readonly eventAt: number | undefined;
  /** All processes lose their store for so many seconds of the application, from this wave on. */
  readonly outage:
    { readonly at: number; readonly seconds: number } | undefined;
  /** How many seconds the application's clock jumps at its end. */
  readonly jump: number;
}

export const WAVES = 8;
/** In the first round, and every so many rounds. */
const EVENT_EVERY = 4;

const KINDS: readonly (readonly [FaultKind, number])[] = [
  [{ kind: 'stall', directions: ['toStore'] }, 10],
  [{ kind: 'stall', directions: ['fromStore'] }, 5],
  [{ kind: 'stall', directions: ['toStore', 'fromStore'] }, 2],
  [{ kind: 'delay', directions: ['toStore'] }, 2],
  [{ kind: 'delay', directions: ['fromStore'] }, 2],
  [{ kind: 'delay', directions: ['toStore', 'fromStore'] }, 1],
  [{ kind: 'cut', how: 'fin' }, 1],
  [{ kind: 'cut', how: 'rst' }, 1],
  [{ kind: 'cut', how: 'silent' }, 2],
  [{ kind: 'unreachable' }, 2],
  [{ kind: 'loader', mood: 'slow' }, 2],
  [{ kind: 'loader', mood: 'failing' }, 1],
];

/** Of the application's clock: nothing, grace, interval, access lifetime, an hour, more than the idle time. */
const JUMPS: readonly (readonly [number, number])[] = [
  [0, 20],
  [5, 15],
  [40, 20],
  [130, 20],
  [310, 30],
  [3_600, 5],
  [13 * 3_600, 0.5],
];

/**
 * @param round from 1
 * @param places how many processes there are, and shared proxies with them
 */
export function planRound(
  round: number,
  places: number,
  random: Random,
): PlannedRound {
  const faults = Array.from({ length: between(0, 3, random) }, () => {
    const from = between(0, WAVES - 2, random);
    return {
      what: choose(KINDS, random),
      place: between(0, places - 1, random),
      connection: random() < 0.3 ? between(0, 9, random) : undefined,
      from,
      until: between(from + 1, WAVES, random),
      afterChunks: between(0, 12, random),
      milliseconds: random() < 0.3 ? 300 : between(20, 240, random),
    };
  });
  const outageRoll = random();
  const at = between(1, WAVES - 3, random);
  const seconds = between(5, 90, random);
  return {
    faults,
    eventAt: round % EVENT_EVERY === 1 ? at : undefined,
    outage: outageRoll < 0.06 ? { at, seconds } : undefined,
    jump: choose(JUMPS, random),
  };
}

/** A round in which nothing happens except to the servers of the store. */
export function onlyServers(round: PlannedRound): PlannedRound {
  return { faults: [], outage: undefined, eventAt: 1, jump: round.jump };
}

/** Begins a fault at one proxy. */
export function beginAt(proxy: FaultyProxy, fault: PlannedFault): void {
  const { what, connection, afterChunks, milliseconds } = fault;
  switch (what.kind) {
    case 'stall':
      for (const direction of what.directions) {
        proxy.disturb(direction, { stall: { afterChunks } }, connection);
      }
      break;
    case 'delay':
      for (const direction of what.directions) {
        proxy.disturb(direction, { delay: milliseconds }, connection);
      }
      break;
    case 'cut':
      proxy.cut(what.how, connection);
      break;
    case 'unreachable':
      proxy.refuse();
      proxy.cut('rst');
      break;
    case 'loader':
      break;
  }
}
