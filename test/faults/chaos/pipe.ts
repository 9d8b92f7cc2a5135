import type { Socket } from 'node:net';
import type { FlowFault } from './faulty-proxy.js';
import { reset } from './reset.js';

type Item = Buffer | 'end' | 'reset';

/** One direction of a connection: passes bytes on in their order, late or never where a fault says so. */
export class Pipe {
  readonly #to: Socket;
  readonly #held: { readonly item: Item; readonly due: number }[] = [];
  #isWaiting = false;
  #delay = 0;
  /** How many chunks pass before it stalls. */
  #passing = Infinity;
  #isSilenced = false;

  constructor(from: Socket, to: Socket) {
    this.#to = to;
    from.on('data', (chunk: Buffer) => this.#take(chunk));
    from.once('end', () => this.#take('end'));
    from.once('error', () => this.#take('reset'));
  }

  get isSilenced(): boolean {
    return this.#isSilenced;
  }

  get heldBytes(): number {
    return this.#held.reduce(
      (sum, { item }) => sum + (typeof item === 'string' ? 0 : item.length),
      0,
    );
  }

  suffer({ stall, delay }: FlowFault): void {
    if (stall) this.#passing = stall.afterChunks;
    if (delay !== undefined) this.#delay = delay;
  }

  /** What comes from now on is lost. */
  silence(): void {
    this.#isSilenced = true;
    this.#held.length = 0;
  }

  heal(): void {
    this.#passing = Infinity;
    this.#delay = 0;
    for (const { item } of this.#held.splice(0)) this.#deliver(item);
  }

  #take(item: Item): void {
    if (this.#isSilenced) return;
    this.#held.push({ item, due: performance.now() + this.#delay });
    this.#deliverDue();
  }

  #deliverDue(): void {
    while (this.#held[0] && this.#passing > 0) {
      const wait = this.#held[0].due - performance.now();
      if (wait > 0) {
        this.#deliverIn(wait);
        return;
      }
      this.#passing -= 1;
      this.#deliver(this.#held.shift()!.item);
    }
  }

  #deliverIn(milliseconds: number): void {
    if (this.#isWaiting) return;
    this.#isWaiting = true;
    setTimeout(() => {
      this.#isWaiting = false;
      this.#deliverDue();
    }, milliseconds);
  }

  #deliver(item: Item): void {
    if (item === 'end') {
      this.#to.end();
    } else if (item === 'reset') {
      reset(this.#to);
    } else if (this.#to.writable) {
      this.#to.write(item);
    }
  }
}
