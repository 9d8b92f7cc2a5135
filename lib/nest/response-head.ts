import type { OutgoingHttpHeader, ServerResponse } from 'node:http';
import type { Delivery } from '../options/transport.js';
import type { Dispatch } from '../session/dispatch.js';
import { preventStoring } from './cache-headers.js';

interface Pending {
  readonly dispatch: Dispatch;
  /** Which of its deliveries. */
  readonly index: number;
}

type WriteHead = (this: ServerResponse, ...given: unknown[]) => ServerResponse;

type HeaderEntry = readonly [
  name: string,
  value: OutgoingHttpHeader | undefined,
];

/**
 * What is done to the head of a response, at the moment when it is written: whatever the handler did to headers
 * until then, each of our lines goes out once.
 */
export class ResponseHead {
  readonly response: ServerResponse;
  readonly #writeHead: WriteHead;
  /** The fields that `Vary` must have. */
  #vary: string | undefined;
  #pending: Map<string, Pending> | undefined;

  constructor(response: ServerResponse) {
    this.response = response;
    const { writeHead } = response as unknown as { writeHead: WriteHead };
    this.#writeHead = writeHead;
    response.writeHead = (
      status: number,
      reason?: unknown,
      headers?: unknown,
    ): any => this.#write(status, reason, headers);
  }

  /**
   * Puts something into the head, so that caches do not store the response.
   *
   * @returns `false` when the head was already sent
   */
  put(dispatch: Dispatch): boolean {
    if (this.response.headersSent) {
      return false;
    }
    this.#pending ??= new Map();
    for (const [index, delivery] of dispatch.deliveries.entries()) {
      const slot = slotOf(delivery);
      // To the end: a browser that does not know partitions takes a cleared cookie for the new one.
      this.#pending.delete(slot);
      this.#pending.set(slot, { dispatch, index });
    }
    return true;
  }

  /** Tells caches on which request headers the response depends, whatever the handler says in `Vary`. */
  keepInVary(fields: string): void {
    this.#vary = addVary(this.#vary, fields);
  }

  /** As node's: a reason comes before the headers, or there is none. */
  #write(status: number, reason: unknown, headers: unknown): ServerResponse {
    const { response } = this;
    const given = [headers, reason].find(isObject);
    const before = typeof reason === 'string' ? [status, reason] : [status];
    // Other headers may be left as they were given, which is cheaper.
    const isKept = !this.#pending && !Array.isArray(given) && !hasVary(given);
    if (given && isKept && response.getHeaderNames().length === 0) {
      // And so may be the way in which node writes them: it knows of no others.
      const ours = { Vary: this.#vary, ...given };
      return this.#writeHead.call(response, ...before, ours);
    }
    if (given && !isKept) {
      setGivenHeaders(response, given);
    }
    if (this.#pending) {
      fill(response, [...this.#pending.values()]);
    }
    if (this.#vary !== undefined) {
      const vary = addVary(response.getHeader('vary'), this.#vary);
      response.setHeader('Vary', vary);
    }
    return this.#writeHead.call(
      response,
      ...before,
      isKept ? given : undefined,
    );
  }
}

/** Adds fields to `Vary` that are not there. */
function addVary(
  current: number | string | readonly string[] | undefined,
  fields: string,
): string {
  if (current === undefined) {
    return fields;
  }
  const listed = String(current)
    .split(/\s*,\s*/)
    .filter(Boolean);
  const known = new Set(listed.map((field) => field.toLowerCase()));
  const missing = fields
    .split(', ')
    .filter((field) => !known.has('*') && !known.has(field.toLowerCase()));
  return [...listed, ...missing].join(', ');
}

/** Deliveries in one slot replace each other: the last one wins. */
function slotOf(delivery: Delivery): string {
  return delivery.kind === 'cookie'
    ? cookieSlotOf(delivery.line)
    : `header ${delivery.name.toLowerCase()}`;
}

/** What tells cookies apart in a browser: their name, domain, path and partition (RFC 6265bis, section 5.7). */
function cookieSlotOf(line: string): string {
  const [pair = '', ...attributes] = line.split(';');
  const slot = { domain: '', path: '', partitioned: '' };
  for (const attribute of attributes) {
    const [name = '', value = ''] = attribute.split('=');
    const key = name.trim().toLowerCase();
    // Of an attribute that is repeated the last one counts.
    if (key === 'domain') slot.domain = value.trim().toLowerCase();
    if (key === 'path') slot.path = value.trim();
    if (key === 'partitioned') slot.partitioned = key;
  }
  const name = pair.slice(0, pair.indexOf('=')).trim();
  return ['cookie', name, ...Object.values(slot)].join(';');
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function hasVary(headers: object | undefined): boolean {
  for (const name in headers) {
    if (name.length === 4 && name.toLowerCase() === 'vary') return true;
  }
  return false;
}

/** Sets the headers of a `writeHead(status, headers)` as node does: they replace those of the same name. */
function setGivenHeaders(response: ServerResponse, given: object): void {
  const entries = entriesOf(given);
  for (const [name] of entries) {
    response.removeHeader(name);
  }
  for (const [name, value] of entries) {
    if (value !== undefined) {
      response.appendHeader(
        name,
        Array.isArray(value) ? value.map(String) : String(value),
      );
    }
  }
}

/** Headers come as an object, as pairs, or as names and values in turn. */
function entriesOf(given: object): HeaderEntry[] {
  if (!Array.isArray(given)) {
    return Object.entries(given);
  }
  if (Array.isArray(given[0])) {
    return given as HeaderEntry[];
  }
  const flat = given as string[];
  return flat.flatMap((name, i) =>
    i % 2 === 0 ? [[name, flat[i + 1]] as const] : [],
  );
}

function fill(response: ServerResponse, pending: readonly Pending[]): void {
  const deliveries = pending
    .filter(({ dispatch }) => dispatch.isCurrent())
    .map(({ dispatch, index }) => dispatch.deliveries[index]!);
  if (deliveries.length === 0) {
    return;
  }
  const lines: string[] = [];
  for (const delivery of deliveries) {
    if (delivery.kind === 'cookie') {
      lines.push(delivery.line);
    } else {
      response.setHeader(delivery.name, delivery.value);
      expose(response, delivery.name);
    }
  }
  if (lines.length > 0) {
    const slots = new Set(lines.map(cookieSlotOf));
    const others = [response.getHeader('set-cookie') ?? []]
      .flat()
      .map(String)
      .filter((line) => !slots.has(cookieSlotOf(line)));
    response.setHeader('Set-Cookie', [...others, ...lines]);
    response.setHeader('Vary', addVary(response.getHeader('vary'), 'Cookie'));
  }
  preventStoring({
    names: () => response.getHeaderNames(),
    get: (name) => response.getHeader(name),
    set: (name, value) => response.setHeader(name, value),
    remove: (name) => response.removeHeader(name),
  });
}

/** Lets scripts of allowed origins read a header (Fetch standard, CORS-exposed header names). */
function expose(response: ServerResponse, name: string): void {
  const exposed = response.getHeader('access-control-expose-headers');
  response.setHeader('Access-Control-Expose-Headers', addVary(exposed, name));
}
