import { createHash, randomBytes } from 'node:crypto';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { verifiedSession } from '../../lib/session/model/verified-session.js';
import { VerifiedTokens } from '../../lib/session/tokens/verified-tokens.js';
import { rounds } from '../support/effort.js';
import { claimsOf, POLICY } from '../support/session-claims.js';

const AMPLE = { maxTokens: 1_000_000, maxBytes: 2 ** 40 };
const HEADER = Buffer.from(
  '{"alg":"HS256","typ":"session+jwt","kid":"k"}',
).toString('base64url');

const KEYS = {};

const sessionOf = (sub: string) => verifiedSession(claimsOf({ sub }), POLICY);
const payloadOf = (sub: string) =>
  Buffer.from(JSON.stringify({ sub })).toString('base64url');

describe('VerifiedTokens', () => {
  it('gives back the session of a token that was put in, and of no other', () => {
    const tokens = new VerifiedTokens(AMPLE);
    const session = sessionOf('ada');
    const token = `${HEADER}.${payloadOf('ada')}.${randomBytes(32).toString('base64url')}`;
    tokens.set(token, KEYS, session);
    expect(tokens.get(token, KEYS)).toBe(session);
    expect(tokens.get(token.slice(0, -1), KEYS)).toBeUndefined();
    expect(tokens.get(`${token} `, KEYS)).toBeUndefined();
    expect(tokens.get(`x${token}`, KEYS)).toBeUndefined();
    expect(tokens.get('', KEYS)).toBeUndefined();
  });

  it('V-01, V-02: many tokens with equal prefixes, lengths and tails each keep their own subject', () => {
    const count = rounds(100_000, 20_000);
    const tokens = new VerifiedTokens(AMPLE);
    const tail = randomBytes(12).toString('base64url');
    const nameOf = (i: number) => `user-${String(i).padStart(6, '0')}`;
    const tokenOf = (i: number) => {
      // 11 of 32 bytes differ; the last 16 characters, the header and every length are the same.
      const own = createHash('sha256').update(nameOf(i)).digest();
      return `${HEADER}.${payloadOf(nameOf(i))}.${own.subarray(0, 20).toString('base64url')}${tail}`;
    };
    for (let i = 0; i < count; i += 1) {
      tokens.set(tokenOf(i), KEYS, sessionOf(nameOf(i)));
    }
    let own = 0;
    for (let i = 0; i < count; i += 1) {
      own += Number(tokens.get(tokenOf(i), KEYS)?.claims.sub === nameOf(i));
    }
    process.stdout.write(
      `V-01, V-02: ${own} of ${count} tokens with equal prefixes and tails gave their own subject\n`,
    );
    expect(own).toBe(count);
  });

  it('keeps tokens, not the headers that they were cut out of', () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const heap = () => {
      collectGarbage();
      return process.memoryUsage().heapUsed;
    };
    const tokens = new VerifiedTokens(AMPLE);
    const session = sessionOf('ada');
    const count = 1_000;
    const others = 'x'.repeat(16_000);
    const before = heap();
    for (let i = 0; i < count; i += 1) {
      const signature = randomBytes(32).toString('base64url');
      const token = `${HEADER}.${payloadOf('ada')}.${signature}`;
      // Through bytes, as it comes from the network: one string, and not a rope.
      const cookie = Buffer.from(`a=${others}; s=${token}; b=1`).toString();
      tokens.set(
        cookie.slice(cookie.indexOf('s=') + 2, cookie.lastIndexOf(';')),
        KEYS,
        session,
      );
    }
    expect((heap() - before) / count).toBeLessThan(2_000);
  });

  it('V-01, V-02: a token with the signature of another but its own payload is not known', () => {
    const tokens = new VerifiedTokens(AMPLE);
    const signature = randomBytes(32).toString('base64url');
    const victim = `${HEADER}.${payloadOf('ada')}.${signature}`;
    tokens.set(victim, KEYS, sessionOf('ada'));
    for (const forged of [
      `${HEADER}.${payloadOf('bob')}.${signature}`,
      `${payloadOf('bob')}.${payloadOf('ada')}.${signature}`,
      `.${signature}`,
      signature,
      `${victim}.${signature}`,
    ]) {
      expect(tokens.get(forged, KEYS)).toBeUndefined();
    }
    expect(tokens.get(victim, KEYS)?.claims.sub).toBe('ada');
  });

  it('never answers with the wrong one of two tokens that share a signature', () => {
    const tokens = new VerifiedTokens(AMPLE);
    const signature = randomBytes(32).toString('base64url');
    const first = `${HEADER}.${payloadOf('ada')}.${signature}`;
    const second = `${HEADER}.${payloadOf('bob')}.${signature}`;
    tokens.set(first, KEYS, sessionOf('ada'));
    tokens.set(second, KEYS, sessionOf('bob'));
    expect(tokens.get(second, KEYS)?.claims.sub).toBe('bob');
    expect(tokens.get(first, KEYS)?.claims.sub ?? 'ada').toBe('ada');
  });

  it('A-185: is bounded by tokens', () => {
    const tokens = new VerifiedTokens({ maxTokens: 100, maxBytes: 2 ** 40 });
    const all = Array.from(
      { length: 1_000 },
      () => `${HEADER}.${payloadOf('ada')}.${randomBytes(32).toString('hex')}`,
    );
    for (const token of all) {
      tokens.set(token, KEYS, sessionOf('ada'));
    }
    const known = all.filter((token) => tokens.get(token, KEYS) !== undefined);
    expect(known.length).toBeGreaterThanOrEqual(50);
    expect(known.length).toBeLessThanOrEqual(100);
  });

  it('A-185: is bounded by bytes, in which a token counts for more than its length', () => {
    const maxBytes = 2 ** 16;
    const tokens = new VerifiedTokens({ maxTokens: 1_000_000, maxBytes });
    const all = Array.from(
      { length: 1_000 },
      () => `${HEADER}.${'A'.repeat(1_000)}.${randomBytes(32).toString('hex')}`,
    );
    for (const token of all) {
      tokens.set(token, KEYS, sessionOf('ada'));
    }
    const known = all.filter((token) => tokens.get(token, KEYS) !== undefined);
    expect(known.length).toBeGreaterThan(1);
    expect(known.join('').length).toBeLessThanOrEqual(maxBytes);
  });

  it('knows nothing when it is off', () => {
    const tokens = new VerifiedTokens({ maxTokens: 0, maxBytes: 0 });
    tokens.set('a.b.c', KEYS, sessionOf('ada'));
    expect(tokens.get('a.b.c', KEYS)).toBeUndefined();
  });
});
