import { heapSizeOf, type KnownShapes } from '../model/heap-size.js';
import type { EarlyLoad } from '../model/session-memory.js';
import type { SignedSession } from '../model/signed-session.js';

/** The most tokens kept for one result: revisions of attributes come and go. */
const MAXIMUM_TOKENS = 8;
/** The bytes of a result apart from its data and tokens, and of each token apart from its text: measured. */
const BYTES_PER_RESULT = 500;
const BYTES_PER_TOKEN = 2_400;

interface LoadedResultParts {
  readonly lat: number;
  readonly data: unknown;
  /** The last early load at the end of this one. */
  readonly since: EarlyLoad | undefined;
  readonly shapes: KnownShapes;
  /** Called when the result holds more than before. */
  readonly whenGrown: (result: LoadedResult) => void;
}

/** Loaded data, and the tokens signed with it: all requests that may share a token get the same one. */
export class LoadedResult {
  readonly lat: number;
  readonly data: unknown;
  readonly since: EarlyLoad | undefined;
  readonly #parts: LoadedResultParts;
  readonly #dataBytes: number;
  readonly #tokens = new Map<string, SignedSession>();

  constructor(parts: LoadedResultParts) {
    this.lat = parts.lat;
    this.data = parts.data;
    this.since = parts.since;
    this.#parts = parts;
    this.#dataBytes = heapSizeOf(parts.data, parts.shapes);
  }

  /** The bytes that it holds on the heap. */
  get bytes(): number {
    let bytes = BYTES_PER_RESULT + this.#dataBytes;
    const { shapes } = this.#parts;
    for (const { session, token } of this.#tokens.values()) {
      const { params, attrs } = session.claims;
      // The token, and the line that delivers it to the client.
      bytes += BYTES_PER_TOKEN + 2 * token.length;
      bytes += heapSizeOf(params, shapes) + heapSizeOf(attrs, shapes);
    }
    return bytes;
  }

  /** Returns the last token that requests of one kind share; its issuer knows whether it is still valid. */
  tokenOf(kind: string): SignedSession | undefined {
    return this.#tokens.get(kind);
  }

  /** Keeps a token for the other requests of its kind. */
  keep(kind: string, signed: SignedSession): void {
    if (this.#tokens.size >= MAXIMUM_TOKENS) {
      this.#tokens.clear();
    }
    this.#tokens.set(kind, signed);
    this.#parts.whenGrown(this);
  }
}
