import { appendFileSync } from 'node:fs';

/**
 * Writes down every token that the library issues in this test file, so that `npm test` can look for them in
 * everything the suite printed. Does nothing when Jest is run by hand.
 */
const file = process.env['ISSUED_TOKENS_FILE'];

if (file !== undefined) {
  const { TokenCodec } = await import('../../lib/tokens/token-codec.js');
  const sign = TokenCodec.prototype.sign;
  let tokens: string[] = [];
  let limit = 1_000;

  const record = (token: string): void => {
    tokens.push(token);
    if (tokens.length >= limit) {
      flush();
    }
  };
  const flush = (): void => {
    if (tokens.length > 0) {
      appendFileSync(file, `${tokens.join('\n')}\n`);
      tokens = [];
    }
  };

  TokenCodec.prototype.sign = function (...args) {
    const token = sign.apply(this, args);
    record(token);
    return token;
  };

  afterAll(() => {
    // This hook runs before those of the test file, which may still issue tokens: from here on, one by one.
    limit = 1;
    flush();
  });
}
