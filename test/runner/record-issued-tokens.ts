import { appendFileSync } from 'node:fs';
import type { TokenCodec } from '../../lib/tokens/token-codec.js';

/**
 * Writes down every token that the library issues in this test file, so that `npm test` can look for them in
 * everything the suite printed. Does nothing when Jest is run by hand.
 */
const file = process.env['ISSUED_TOKENS_FILE'];

type Sign = TokenCodec['sign'];
type RecordingSign = Sign & { recorded?: Sign };

if (file !== undefined) {
  const { TokenCodec } = await import('../../lib/tokens/token-codec.js');
  const { sign: former } = TokenCodec.prototype as { sign: RecordingSign };
  // The class is that of the spec before, with what recorded its tokens.
  const sign = former.recorded ?? former;
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

  const recordingSign: RecordingSign = function (this: TokenCodec, ...args) {
    const token = sign.apply(this, args);
    record(token);
    return token;
  };
  recordingSign.recorded = sign;
  TokenCodec.prototype.sign = recordingSign;

  afterAll(() => {
    // This hook runs before those of the test file, which may still issue tokens: from here on, one by one.
    limit = 1;
    flush();
  });
}
