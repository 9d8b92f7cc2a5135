/** Bytes that V8 takes for parts of a value, on 64 bits without pointer compression; measured by its spec. */
const WORD = 8;
const OBJECT = 24;
/** An object literal without members has room for four. */
const EMPTY_OBJECT = OBJECT + 4 * WORD;
const ARRAY = 32;
/** Of a string, of the elements of an array, and of every other list of words. */
const HEADER = 16;
const BOXED_NUMBER = 16;
/** An entry of a hash table: name, value, and attributes. */
const TABLE_ENTRY = 3 * WORD;
const TABLE_PREFIX = 5 * WORD;
/** A frozen object in dictionary mode has a separate shape. */
const TABLE_MAP = 10 * WORD;
/** From so many names on an object is a hash table. */
const TABLE_NAMES = 128;
/** What V8 keeps of a shape, and of each name in it, besides the text of the name. */
const SHAPE = 160;
const SHAPE_NAME = 150;

/** Names of members, in order: objects with the same ones share their shape, and the texts of the names. */
export interface KnownShapes {
  /** The bytes of a shape that is not known, which it is from then on; 0 for one that is. */
  take(names: readonly string[], sizeOf: () => number): number;
}

/**
 * How many bytes of the heap a value takes that `JSON.parse` made. Counted by structure: a hundred empty objects
 * are as long in JSON as one string, and take twenty times its room.
 */
export function heapSizeOf(value: unknown, shapes: KnownShapes): number {
  switch (typeof value) {
    case 'string':
      return textSize(value);
    case 'number':
      // -0 among them, which JSON.parse keeps.
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

/** A string that is not shared. One character beyond Latin-1 doubles its size. */
export function textSize(text: string): number {
  // Those of one character exist once for the whole process.
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
  // Indices come first, in ascending order, and are no part of the shape.
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

/** Members named by indices: a list with gaps, or a hash table where that is less than a third of it. */
function elementsSize(count: number, last: number): number {
  const room = roomFor(count);
  return last + 1 < 3 * 3 * room
    ? HEADER + WORD * (last + 1)
    : HEADER + TABLE_PREFIX + TABLE_ENTRY * room;
}

function tableSize(entries: number): number {
  return TABLE_MAP + HEADER + TABLE_PREFIX + TABLE_ENTRY * roomFor(entries);
}

/** Half as many again, up to a power of two. */
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

/** Bytes of shapes that are remembered, and so may be counted once and stay for more than one value. */
const REMEMBERED = 2 ** 20;

/** The shapes of late, so that those which all tokens have are counted once. */
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
