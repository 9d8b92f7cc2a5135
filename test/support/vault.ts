import type { KeyProvider } from '../../lib/index.js';

/** Keys that are kept somewhere else, where tests change them and break the way to them. */
export class Vault<Input> {
  /** How often it was asked. */
  asked = 0;
  /** Done instead of answering, while it is set. */
  instead: (() => unknown) | undefined;
  readonly signals: AbortSignal[] = [];

  constructor(public content: Input) {}

  readonly provide: KeyProvider<Input> = ({ signal }) => {
    this.asked += 1;
    this.signals.push(signal);
    return this.instead
      ? (this.instead() as Input)
      : Promise.resolve(this.content);
  };
}
