import { SessionError } from '../errors/session-error.js';
import { MAXIMUM_DEPTH } from '../tokens/claims-profile.js';

/**
 * A frozen copy of a value that JSON carries without changing it, so that what handlers see now is what
 * they will see when the token comes back.
 *
 * @param name what the value is called in the error: `data` gives `data.user.createdAt is a Date`
 * @throws {SessionError} `NOT_SERIALIZABLE` with the path of the first value that JSON would change. A
 *   member of an object that is `undefined` is dropped, as JSON does.
 */
export function toFrozenJson(value: unknown, name: string): unknown {
  return copy(value, name, MAXIMUM_DEPTH - 1, []);
}

function copy(
  value: unknown,
  path: string,
  depth: number,
  ancestors: readonly object[],
): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      if (!Number.isFinite(value) || Object.is(value, -0)) {
        refuse(path, `is ${Object.is(value, -0) ? '-0' : value}`);
      }
      return value;
    case 'object':
      return value === null ? null : copyObject(value, path, depth, ancestors);
    default:
      return refuse(
        path,
        value === undefined ? 'is undefined' : `is a ${typeof value}`,
      );
  }
}

function copyObject(
  value: object,
  path: string,
  depth: number,
  ancestors: readonly object[],
): unknown {
  if (ancestors.includes(value)) {
    refuse(path, 'refers back to itself');
  }
  if (depth === 0) {
    refuse(path, `is nested deeper than ${MAXIMUM_DEPTH - 1} levels`);
  }
  const within = [...ancestors, value];
  if (Array.isArray(value)) {
    refuseToJson(value, path);
    const named = Object.keys(value).find((key) => !/^\d+$/.test(key));
    if (named !== undefined) {
      refuse(path, `is an array with a member named ${JSON.stringify(named)}`);
    }
    // Array.from, unlike map, also visits holes.
    return Object.freeze(
      Array.from(value, (item: unknown, i) =>
        copy(item, `${path}[${i}]`, depth - 1, within),
      ),
    );
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    refuse(path, `is a ${classNameOf(value)}`);
  }
  refuseToJson(value, path);
  if (Object.getOwnPropertySymbols(value).length > 0) {
    refuse(path, 'has a symbol as a member name');
  }
  const copied: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    const memberPath = pathOfMember(path, key);
    if (key === '__proto__') {
      refuse(memberPath, 'is not allowed as a member name');
    }
    const member = read(value, key, memberPath);
    if (member !== undefined) {
      copied[key] = copy(member, memberPath, depth - 1, within);
    }
  }
  return Object.freeze(copied);
}

/** How a message names a member: in a form that no log takes for something else. */
export function pathOfMember(path: string, name: string): string {
  if (/^[A-Za-z_$][\w$]*$/.test(name)) {
    return `${path}.${name}`;
  }
  const quoted = JSON.stringify(name).replace(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  return `${path}[${quoted}]`;
}

/** `JSON.stringify` asks for it, hidden or inherited, and writes what it returns. */
function refuseToJson(value: object, path: string): void {
  if (typeof read(value, 'toJSON', path) === 'function') {
    refuse(`${path}.toJSON`, 'is a function');
  }
}

function read(value: object, key: string, path: string): unknown {
  try {
    return (value as Record<string, unknown>)[key];
  } catch (cause) {
    return refuse(path, 'cannot be read', cause);
  }
}

function classNameOf(value: object): string {
  try {
    const name: unknown = value.constructor.name;
    return typeof name === 'string' && /^[\w$]{1,80}$/.test(name)
      ? name
      : 'class instance';
  } catch {
    return 'class instance';
  }
}

function refuse(path: string, what: string, cause?: unknown): never {
  throw new SessionError('NOT_SERIALIZABLE', `${path} ${what}`, { cause });
}
