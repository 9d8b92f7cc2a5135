import fc from 'fast-check';

const FIRST_SURROGATE = 0xd800;
const SURROGATES = 0x800;
const CODE_POINTS = 0x110000;

/**
 * Any character of Unicode, as a unit of `fc.string`: like its `binary`, which fills a map of all of them first (2 s, and
 * 60 MB for good).
 */
export const anyCharacter = fc
  .integer({ min: 0, max: CODE_POINTS - SURROGATES - 1 })
  .map((i) => String.fromCodePoint(i < FIRST_SURROGATE ? i : i + SURROGATES));
