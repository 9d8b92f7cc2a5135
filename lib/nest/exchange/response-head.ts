import type { OutgoingHttpHeader, ServerResponse } from 'node:http';
import type { Delivery } from '../../ports/transport.js';
import type { Dispatch } from '../../session/model/dispatch.js';
import { preventStoring } from './cache-headers.js';

interface Pending {
  readonly dispatch: Dispatch;
  /** The index of the delivery in its dispatch. */
  readonly index: number;
}

export type WriteHead = (
  this: ServerResponse,
  ...given: unknown[]
) => ServerResponse;

type HeaderEntry = readonly [
  name: string,
  value: OutgoingHttpHeader | undefined,
];

/**
 * Completes the head of a response at the moment it is written: whatever the handler did to the headers until then,
 * each of our lines is sent once.
 */
export class ResponseHead {
  readonly response: ServerResponse;
  /** The fields that `Vary` must list. */
  #vary: string | undefined;
  #pending: Map<string, Pending> | undefined;

  /** @param isHooked whether the prototype of the response calls {@link write} */
  constructor(response: ServerResponse, isHooked = false) {
    this.response = response;
    if (!isHooked) {
      const { writeHead } = response as unknown as { writeHead: WriteHead };
      response.writeHead = (
        status: number,
        reason?: unknown,
        headers?: unknown,
      ): any => this.write(writeHead, status, reason, headers);
    }
  }

  /**
   * Adds deliveries to the head, and keeps the response out of caches.
   *
   * @returns `false` if the head was already sent
   */
  put(dispatch: Dispatch): boolean {
    if (this.response.headersSent) {
      return false;
    }
    this.#pending ??= new Map();
    for (const [index, delivery] of dispatch.deliveries.entries()) {
      const slot = slotOf(delivery);
      // Moved to the end: a browser without partitioned cookies takes a cleared cookie for the new one.
      this.#pending.delete(slot);
      this.#pending.set(slot, { dispatch, index });
    }
    return true;
  }

  /** Keeps request headers in `Vary` that the response depends on, whatever the handler sets there. */
  keepInVary(fields: string): void {
    this.#vary = addVary(this.#vary, fields);
  }

  /**
   * Accepts the arguments of Node's `writeHead`: a reason, if any, precedes the headers.
   *
   * @param writeHead writes the completed head, possibly by calling this once more, which changes nothing
   */
  write(
    writeHead: WriteHead,
    status: number,
    reason: unknown,
    headers: unknown,
  ): ServerResponse {
    const given = isObject(headers) ? headers : reason;
    const left = this.#complete(isObject(given) ? given : undefined);
    return typeof reason === 'string'
      ? writeHead.call(this.response, status, reason, left)
      : writeHead.call(this.response, status, left);
  }

  /** Sets what is missing. Returns the headers that are left to pass to `writeHead`. */
  #complete(given: object | undefined): object | undefined {
    const { response } = this;
    // Other headers can stay as they were given, which is cheaper.
    const isKept = !this.#pending && !Array.isArray(given) && !hasVary(given);
    if (given && isKept && response.getHeaderNames().length === 0) {
      // So can the way in which Node writes them: it knows of no others.
      return { Vary: this.#vary, ...given };
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
    return isKept ? given : undefined;
  }
}

/** Adds the fields that `Vary` does not list yet. */
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

/** Returns the slot of a delivery. Of several deliveries in one slot, the last one wins. */
function slotOf(delivery: Delivery): string {
  return delivery.kind === 'cookie'
    ? cookieSlotOf(delivery.line)
    : `header ${delivery.name.toLowerCase()}`;
}

/** Returns what identifies a cookie in a browser: name, domain, path and partition (RFC 6265bis, section 5.7). */
function cookieSlotOf(line: string): string {
  const [pair = '', ...attributes] = line.split(';');
  const slot = { domain: '', path: '', partitioned: '' };
  for (const attribute of attributes) {
    const [name = '', value = ''] = attribute.split('=');
    const key = name.trim().toLowerCase();
    // Of a repeated attribute, the last one counts.
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

/** Sets the headers of a `writeHead(status, headers)` as Node does: they replace headers of the same name. */
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

/** Reads headers given as an object, as pairs, or as alternating names and values. */
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
      if (delivery.isExposed ?? true) expose(response, delivery.name);
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
