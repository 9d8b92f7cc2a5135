/** Bytes that V8 uses for parts of a value, on 64 bits without pointer compression; measured by its spec. */
const WORD = 8;
const OBJECT = 24;
/** An object literal without members has room for four. */
const EMPTY_OBJECT = OBJECT + 4 * WORD;
const ARRAY = 32;
/** The header of a string, of the elements of an array, and of every other list of words. */
const HEADER = 16;
const BOXED_NUMBER = 16;
/** An entry of a hash table: name, value, and attributes. */
const TABLE_ENTRY = 3 * WORD;
const TABLE_PREFIX = 5 * WORD;
/** A frozen object in dictionary mode has a separate shape. */
const TABLE_MAP = 10 * WORD;
/** An object with this many names or more is a hash table. */
const TABLE_NAMES = 128;
/** What V8 stores for a shape, and for each name in it apart from the text of the name. */
const SHAPE = 160;
const SHAPE_NAME = 150;

/** Known lists of member names: objects with the same names in the same order share their shape and these texts. */
export interface KnownShapes {
  /** Returns the bytes of an unknown shape, which is known from then on; 0 for a known one. */
  take(names: readonly string[], sizeOf: () => number): number;
}

/**
 * Returns how many bytes of the heap a value from `JSON.parse` takes. Counts by structure: a hundred empty objects are
 * as long in JSON as one string, and take twenty times its room.
 */
export function heapSizeOf(value: unknown, shapes: KnownShapes): number {
  switch (typeof value) {
    case 'string':
      return textSize(value);
    case 'number':
      // Including -0, which JSON.parse keeps.
      return Object.is(value, value | 0) ? 0 : BOXED_NUMBER;
    case 'object':
      if (value === null) {
        return 0;
      }
      return Array.isArray(value)
        ? arraySize(value, shapes)
        : objectSize(value as Readonly<Record<string, unknown>>, shapes);
    default:
      return 0;
  }
}

/** Returns the size of an unshared string. One character beyond Latin-1 doubles it. */
export function textSize(text: string): number {
  // One-character strings exist once for the whole process.
  return text.length < 2
    ? 0
    : HEADER + wholeWords(isLatin1(text) ? text.length : 2 * text.length);
}

function arraySize(values: readonly unknown[], shapes: KnownShapes): number {
  let size = ARRAY + (values.length > 0 ? HEADER + WORD * values.length : 0);
  for (const value of values) {
    size += heapSizeOf(value, shapes);
  }
  return size;
}

function objectSize(
  object: Readonly<Record<string, unknown>>,
  shapes: KnownShapes,
): number {
  const keys = Object.keys(object);
  let size = 0;
  for (const key of keys) {
    size += heapSizeOf(object[key], shapes);
  }
  // Indices come first, in ascending order, and are not part of the shape.
  let indices = 0;
  while (indices < keys.length && isIndex(keys[indices]!)) indices += 1;
  const names = indices > 0 ? keys.slice(indices) : keys;
  if (indices > 0) {
    size += elementsSize(indices, Number(keys[indices - 1]));
  }
  if (names.length === 0) {
    return size + EMPTY_OBJECT;
  }
  const isTable = names.length >= TABLE_NAMES;
  return (
    size +
    OBJECT +
    (isTable ? tableSize(names.length) : WORD * names.length) +
    shapes.take(names, () => shapeSize(names, isTable))
  );
}

/** Members named by indices: a list with gaps, or a hash table if that takes less than a third of the list. */
function elementsSize(count: number, last: number): number {
  const room = roomFor(count);
  return last + 1 < 3 * 3 * room
    ? HEADER + WORD * (last + 1)
    : HEADER + TABLE_PREFIX + TABLE_ENTRY * room;
}

function tableSize(entries: number): number {
  return TABLE_MAP + HEADER + TABLE_PREFIX + TABLE_ENTRY * roomFor(entries);
}

/** Returns half as many again, rounded up to a power of two. */
function roomFor(entries: number): number {
  const room = Math.max(entries + Math.floor(entries / 2), 4);
  return 2 ** Math.ceil(Math.log2(room));
}

function shapeSize(names: readonly string[], isTable: boolean): number {
  let size = SHAPE;
  for (const name of names) {
    size += textSize(name) + (isTable ? 0 : SHAPE_NAME);
  }
  return size;
}

function isIndex(key: string): boolean {
  const index = Number(key);
  return index >= 0 && index < 2 ** 32 - 1 && String(index >>> 0) === key;
}

function isLatin1(text: string): boolean {
  return !/[\u0100-\uffff]/.test(text);
}

function wholeWords(bytes: number): number {
  return Math.ceil(bytes / WORD) * WORD;
}

/** The most bytes of remembered shapes, which are counted once and may stay for more than one value. */
const REMEMBERED = 2 ** 20;

/** Remembers recent shapes, so that those shared by all tokens are counted once. */
export class RecentShapes implements KnownShapes {
  readonly #shapes = new Set<string>();
  #bytes = 0;

  take(names: readonly string[], sizeOf: () => number): number {
    const shape = names.join('\n');
    if (this.#shapes.has(shape)) {
      return 0;
    }
    const bytes = sizeOf();
    if (this.#bytes + bytes > REMEMBERED) {
      this.#shapes.clear();
      this.#bytes = 0;
    }
    this.#shapes.add(shape);
    this.#bytes += bytes;
    return bytes;
  }
}
