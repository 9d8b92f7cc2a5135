import type { OutgoingHttpHeader, ServerResponse } from 'node:http';
import type { Delivery } from '../options/transport.js';
import type { Dispatch } from '../session/dispatch.js';

interface Pending {
  readonly delivery: Delivery;
  readonly isCurrent: () => boolean;
}

/** What is done to the head of a response at the moment when it is written. */
interface Head {
  readonly writeHead: WriteHead;
  /** The fields that `Vary` must have. */
  readonly vary: string[];
  pending: Map<string, Pending> | undefined;
}

type WriteHead = (
  this: ServerResponse,
  status: number,
  ...rest: unknown[]
) => ServerResponse;

const HEAD = Symbol('nestjs-session-jwt:head');

type HeaderEntry = readonly [
  name: string,
  value: OutgoingHttpHeader | undefined,
];

type ResponseWithHead = ServerResponse & { [HEAD]?: Head };

/**
 * Puts something into the head of a response, at the moment when the head is written: whatever the handler
 * did to headers until then, each of our lines goes out once, and the response is not stored by caches.
 *
 * @returns `false` when the head was already sent
 */
export function putIntoHead(
  response: ResponseWithHead,
  dispatch: Dispatch,
): boolean {
  if (response.headersSent) {
    return false;
  }
  const pending = (headOf(response).pending ??= new Map<string, Pending>());
  for (const delivery of dispatch.deliveries) {
    const isCurrent = (): boolean => dispatch.isCurrent();
    pending.set(slotOf(delivery), { delivery, isCurrent });
  }
  return true;
}

/** Tells caches that a response depends on a request header, whatever the handler says in `Vary`. */
export function keepInVary(response: ResponseWithHead, field: string): void {
  headOf(response).vary.push(field);
}

/** Adds a field to `Vary` unless it is there. */
export function addVary(
  current: number | string | readonly string[] | undefined,
  field: string,
): string {
  if (current === undefined) {
    return field;
  }
  const fields = String(current);
  const isListed = fields
    .split(',')
    .some((each) =>
      ['*', field.toLowerCase()].includes(each.trim().toLowerCase()),
    );
  return isListed ? fields : fields ? `${fields}, ${field}` : field;
}

/** Deliveries in one slot replace each other: the last one wins. */
function slotOf(delivery: Delivery): string {
  return delivery.kind === 'cookie'
    ? `cookie ${delivery.name};${delivery.domain ?? ''}`
    : `header ${delivery.name.toLowerCase()}`;
}

/** One function for all responses, and no closure: most of them are guarded and nothing more. */
function headOf(response: ResponseWithHead): Head {
  if (!response[HEAD]) {
    const { writeHead } = response as unknown as { writeHead: WriteHead };
    response[HEAD] = { writeHead, vary: [], pending: undefined };
    response.writeHead = writeHeadWithOurs;
  }
  return response[HEAD];
}

function writeHeadWithOurs(
  this: ResponseWithHead,
  status: number,
  ...rest: any[]
): ResponseWithHead {
  const { writeHead, vary, pending } = this[HEAD]!;
  const given: unknown = rest.find(
    (each) => typeof each === 'object' && each !== null,
  );
  // Other headers may be left as they were given, which is cheaper.
  const isKept = !pending && !Array.isArray(given) && !hasVary(given);
  if (given && isKept && this.getHeaderNames().length === 0) {
    // And so may be the way in which node writes them: it knows of no others.
    const ours = { Vary: vary.reduce(addVary, undefined), ...given };
    const headers = rest.map((each) => (each === given ? ours : each));
    return writeHead.call(this, status, ...headers) as ResponseWithHead;
  }
  if (given && !isKept) {
    setGivenHeaders(this, given);
  }
  if (pending) {
    fill(this, [...pending.values()]);
  }
  for (const field of vary) {
    this.setHeader('Vary', addVary(this.getHeader('vary'), field));
  }
  const others = isKept ? rest : rest.filter((each) => each !== given);
  return writeHead.call(this, status, ...others) as ResponseWithHead;
}

function hasVary(headers: unknown): boolean {
  return Object.keys(headers ?? {}).some(
    (name) => name.toLowerCase() === 'vary',
  );
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
    .filter(({ isCurrent }) => isCurrent())
    .map(({ delivery }) => delivery);
  if (deliveries.length === 0) {
    return;
  }
  const lines = new Map<string, string[]>();
  for (const delivery of deliveries) {
    if (delivery.kind === 'cookie') {
      const known = lines.get(delivery.name) ?? [];
      lines.set(delivery.name, [...known, delivery.line]);
    } else {
      response.setHeader(delivery.name, delivery.value);
      expose(response, delivery.name);
    }
  }
  if (lines.size > 0) {
    const others = [response.getHeader('set-cookie') ?? []]
      .flat()
      .map(String)
      .filter((line) => !lines.has(line.slice(0, line.indexOf('=')).trim()));
    response.setHeader('Set-Cookie', [
      ...others,
      ...[...lines.values()].flat(),
    ]);
    response.setHeader('Vary', addVary(response.getHeader('vary'), 'Cookie'));
  }
  response.setHeader('Cache-Control', 'no-store');
  response.removeHeader('CDN-Cache-Control');
  response.removeHeader('Surrogate-Control');
}

/** Lets scripts of allowed origins read a header (Fetch standard, CORS-exposed header names). */
function expose(response: ServerResponse, name: string): void {
  const exposed = response.getHeader('access-control-expose-headers');
  response.setHeader('Access-Control-Expose-Headers', addVary(exposed, name));
}
