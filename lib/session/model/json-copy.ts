import { SessionError } from '../../errors/session-error.js';
import { MAXIMUM_DEPTH } from '../../tokens/claims-profile.js';

/**
 * Returns a frozen copy of a value that JSON carries unchanged, so that handlers see now what they will see when the
 * token comes back.
 *
 * @param name the name of the value in the error: `data` gives `data.user.createdAt is a Date`
 * @throws {SessionError} `NOT_SERIALIZABLE` with the path of the first value that JSON would change. Like JSON, drops a
 *   member of an object that is `undefined`.
 */
export function toFrozenJson(value: unknown, name: string): unknown {
  return copy(value, { path: [name], ancestors: [] }, MAXIMUM_DEPTH - 1);
}

/** The current position within the value. */
interface Place {
  /** The name of the value, and of its members down to here; elements of arrays by their index. */
  readonly path: (string | number)[];
  readonly ancestors: object[];
}

function copy(value: unknown, place: Place, depth: number): unknown {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value;
    case 'number':
      if (!Number.isFinite(value) || Object.is(value, -0)) {
        refuse(place, `is ${Object.is(value, -0) ? '-0' : value}`);
      }
      return value;
    case 'object':
      return value === null ? null : copyObject(value, place, depth);
    default:
      return refuse(
        place,
        value === undefined ? 'is undefined' : `is a ${typeof value}`,
      );
  }
}

function copyObject(value: object, place: Place, depth: number): unknown {
  if (place.ancestors.includes(value)) {
    refuse(place, 'refers back to itself');
  }
  if (depth === 0) {
    refuse(place, `is nested deeper than ${MAXIMUM_DEPTH - 1} levels`);
  }
  place.ancestors.push(value);
  const copied = Array.isArray(value)
    ? copyArray(value, place, depth)
    : copyMembers(value, place, depth);
  place.ancestors.pop();
  return Object.freeze(copied);
}

function copyArray(
  value: readonly unknown[],
  place: Place,
  depth: number,
): unknown[] {
  refuseToJson(value, place);
  const named = Object.keys(value).find((key) => !/^\d+$/.test(key));
  if (named !== undefined) {
    refuse(place, `is an array with a member named ${JSON.stringify(named)}`);
  }
  const copied: unknown[] = [];
  for (let i = 0; i < value.length; i += 1) {
    place.path.push(i);
    copied.push(copy(value[i], place, depth - 1));
    place.path.pop();
  }
  return copied;
}

function copyMembers(
  value: object,
  place: Place,
  depth: number,
): Record<string, unknown> {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    refuse(place, `is a ${classNameOf(value)}; ${remedyFor(value, place)}`);
  }
  refuseToJson(value, place);
  if (Object.getOwnPropertySymbols(value).length > 0) {
    refuse(place, 'has a symbol as a member name');
  }
  const copied: Record<string, unknown> = {};
  for (const key of Object.keys(value)) {
    place.path.push(key);
    if (key === '__proto__') {
      refuse(place, 'is not allowed as a member name');
    }
    const member = read(value, key, place);
    if (member !== undefined) {
      copied[key] = copy(member, place, depth - 1);
    }
    place.path.pop();
  }
  return copied;
}

/** Formats the path of a member so that no log mistakes it for something else. */
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

/** Refuses `toJSON`, even hidden or inherited: `JSON.stringify` calls it, and writes what it returns. */
function refuseToJson(value: object, place: Place): void {
  if (typeof read(value, 'toJSON', place) === 'function') {
    place.path.push('toJSON');
    refuse(place, 'is a function');
  }
}

function read(value: object, key: string, place: Place): unknown {
  try {
    return (value as Record<string, unknown>)[key];
  } catch (cause) {
    return refuse(place, 'cannot be read', cause);
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

/** Returns the remedy for a class instance. */
function remedyFor(value: object, { path: [name] }: Place): string {
  const verb = name === 'data' ? 'return' : 'pass';
  if (value instanceof Date) {
    return `${verb} a string, for example its toISOString()`;
  }
  return value instanceof Map || value instanceof Set
    ? `${verb} a plain object or an array`
    : `${verb} a plain object`;
}

function refuse({ path }: Place, what: string, cause?: unknown): never {
  const [name, ...members] = path;
  const where = members.reduce<string>(
    (outer, member) =>
      typeof member === 'number'
        ? `${outer}[${member}]`
        : pathOfMember(outer, member),
    String(name),
  );
  throw new SessionError('NOT_SERIALIZABLE', `${where} ${what}`, { cause });
}
