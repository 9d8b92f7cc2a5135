/**
 * Looks for issued tokens in what a test run printed.
 *
 * The output is small and the tokens are many, so the output is indexed and each token is looked up. A signature is
 * found in pieces too: whoever prints the last half of it has printed something that must not be printed.
 */

const PIECE = 12;
const RUN = new RegExp(`[A-Za-z0-9_-]{${PIECE},}`, 'g');
// Jest colours the part of a string that differs, in the middle of the string.
// oxlint-disable-next-line no-control-regex
const COLOUR = /\u001b\[[0-9;]*m/g;
/** `.`, `-` and `_` as URL, JSON and JavaScript escapes: what a token has besides letters and digits. */
const ESCAPED = /(?:%|\\u00|\\x)(2[de]|5f)/gi;

/**
 * @param {string} output
 * @returns {(token: string) => { part: 'signature' | 'payload', line: number } | undefined} what was printed of a
 * token, and where
 */
export function createTokenSearch(output) {
  const plain = output.replace(COLOUR, '');
  const unescaped = plain.replace(ESCAPED, (_escape, hex) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  const texts = [plain, unescaped];
  const pieces = new Set();
  for (const text of texts) {
    for (const [run] of text.matchAll(RUN)) {
      for (let i = 0; i + PIECE <= run.length; i++) {
        pieces.add(run.slice(i, i + PIECE));
      }
    }
  }

  const lineOf = (needle) => {
    const text = texts.find((candidate) => candidate.includes(needle)) ?? '';
    return text.slice(0, text.indexOf(needle)).split('\n').length;
  };

  return (token) => {
    const segments = token.split('.');
    const signature = segments.at(-1) ?? '';
    for (let i = 0; i + PIECE <= signature.length; i += PIECE) {
      const piece = signature.slice(i, i + PIECE);
      if (pieces.has(piece)) {
        return { part: 'signature', line: lineOf(piece) };
      }
    }
    // The header is the same in every token and says nothing; a payload is somebody's data.
    for (const payload of segments.slice(1, -1)) {
      if (
        pieces.has(payload.slice(-PIECE)) &&
        texts.some((text) => text.includes(payload))
      ) {
        return { part: 'payload', line: lineOf(payload) };
      }
    }
    return undefined;
  };
}
