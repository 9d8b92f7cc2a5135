import { SessionError } from '../../errors/session-error.js';
import { isActiveSession } from '../model/active-session.js';

/** The session module that decides on a request: its runtime. */
export interface Owner {
  readonly options: { readonly requestProperty: string | undefined };
}

/**
 * Describes for a log what occupies a property of a request; `undefined` if the property is free. `undefined`, `null`
 * and a session of any module leave it free if it can be written.
 */
export function occupantOf(
  request: object,
  property: string,
): string | undefined {
  if (!(property in request)) {
    return Object.isExtensible(request)
      ? undefined
      : 'a request that cannot be extended';
  }
  let value: unknown;
  try {
    value = (request as Record<string, unknown>)[property];
    if (isActiveSession(value)) {
      return undefined;
    }
  } catch {
    return 'a getter that throws';
  }
  if (value !== undefined && value !== null) {
    return nameOf(value);
  }
  return isWritable(request, property) ? undefined : 'a read-only property';
}

/** Returns the error of a taken property, for developers: it names what is there, never its content. */
export function propertyTaken(
  property: string,
  occupant: string,
): SessionError {
  return new SessionError(
    'REQUEST_PROPERTY_TAKEN',
    `requestProperty: expected request.${property} to be free for the session, got ${occupant}; set requestProperty to another name, or to false and read the session with @Session()`,
  );
}

/**
 * Refuses to continue if other code holds the property of a request.
 *
 * @param property `undefined` if sessions have none
 * @throws {SessionError} `REQUEST_PROPERTY_TAKEN`
 */
export function requireFree(
  request: object,
  property: string | undefined,
): void {
  const occupant =
    property === undefined ? undefined : occupantOf(request, property);
  if (occupant !== undefined) {
    throw propertyTaken(property!, occupant);
  }
}

/**
 * Frees the property of a request.
 *
 * @param property `undefined` if sessions have none
 * @param isRemoved whether what it holds is removed
 */
export function freeProperty(
  request: Record<string, unknown>,
  property: string | undefined,
  isRemoved: (value: unknown) => boolean,
): void {
  if (property !== undefined && isRemoved(request[property])) {
    request[property] = undefined;
  }
}

function isWritable(request: object, property: string): boolean {
  let owner: object | null = request;
  while (owner !== null) {
    const found = Object.getOwnPropertyDescriptor(owner, property);
    if (found) {
      return found.set !== undefined || found.writable === true;
    }
    owner = Object.getPrototypeOf(owner) as object | null;
  }
  return true;
}

function nameOf(value: {}): string {
  if (typeof value !== 'object') {
    return `a ${typeof value}`;
  }
  try {
    const { name } = value.constructor;
    return typeof name === 'string' && name !== '' && name !== 'Object'
      ? `an object of class ${name}`
      : 'an object';
  } catch {
    return 'an object';
  }
}
