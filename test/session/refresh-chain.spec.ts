import { createHash, createHmac } from 'node:crypto';
import {
  childOf,
  firstLink,
  hashOf,
  linkOf,
  type RefreshLink,
} from '../../lib/session/model/refresh-chain.js';
import { claimsOf, newSessionId } from '../support/session-claims.js';
import { refreshClaimsOf, sharedClaimsOf } from './codecs.js';
import { rounds } from '../support/effort.js';

const SID = 'A'.repeat(43);
/** The bytes 0 to 31. */
const FIRST: RefreshLink = {
  gen: 0,
  jti: 'AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8',
};

describe('the first link of a chain', () => {
  it('S-053, S-101: is 32 random bytes, in canonical base64url', () => {
    const count = rounds(10_000, 2_000);
    const links = Array.from({ length: count }, firstLink);
    expect(new Set(links.map(({ jti }) => jti)).size).toBe(count);
    const ones = Array.from({ length: 256 }, () => 0);
    for (const { gen, jti } of links) {
      expect(gen).toBe(0);
      expect(jti).toMatch(/^[\w-]{43}$/);
      const bytes = Buffer.from(jti, 'base64url');
      expect(bytes).toHaveLength(32);
      expect(bytes.toString('base64url')).toBe(jti);
      for (let bit = 0; bit < 256; bit += 1) {
        ones[bit]! += (bytes[bit >> 3]! >> (bit & 7)) & 1;
      }
    }
    // Each of the 256 bits is set in half of them, within 7 standard deviations.
    for (const often of ones) {
      expect(Math.abs(often - count / 2)).toBeLessThan(3.5 * Math.sqrt(count));
    }
  });
});

describe('the child of a refresh token', () => {
  it('S-053: is what the contract says, computed by another program (HMAC-SHA256 by OpenSSL)', () => {
    const child = childOf(FIRST, SID);
    expect(child).toEqual({
      gen: 1,
      jti: 'REO-bcqnkTaEwZaZx0iCPk6OF1rMslEk5aDWVTr74GA',
    });
    expect(childOf(child, SID)).toEqual({
      gen: 2,
      jti: 'yMX4feroJb4DHx128WpWCZPP3ctAlW_REtQQUs7VC7c',
    });
    // The same secret in another place of the chain.
    expect(childOf({ ...FIRST, gen: 1 }, SID)).toEqual({
      gen: 2,
      jti: 't3zIigqfoDKZwCLBsnydqFwCl31k6XXP9AihmOmv4o8',
    });
  });

  it('is a function of the presented token and its session alone: the same on every node and every time', () => {
    const claims = refreshClaimsOf(claimsOf({ sid: SID }), {
      ...FIRST,
      iat: 1,
      exp: 2,
      sub: 'bob',
    });
    const child = childOf(FIRST, SID);
    expect(childOf(linkOf(claims)!, SID)).toEqual(child);
    for (let i = 0; i < 100; i += 1) {
      expect(childOf({ ...FIRST }, SID)).toEqual(child);
    }
    expect(FIRST.gen).toBe(0);
  });

  it('differs by session, by generation and by each bit of the secret', () => {
    const seen = new Set<string>([childOf(FIRST, SID).jti]);
    for (let i = 0; i < 200; i += 1) {
      seen.add(childOf(FIRST, newSessionId()).jti);
    }
    for (let gen = 1; gen <= 200; gen += 1) {
      seen.add(childOf({ ...FIRST, gen }, SID).jti);
    }
    for (let bit = 0; bit < 256; bit += 1) {
      const bytes = Buffer.from(FIRST.jti, 'base64url');
      bytes[bit >> 3]! ^= 1 << (bit & 7);
      seen.add(childOf({ gen: 0, jti: bytes.toString('base64url') }, SID).jti);
    }
    expect(seen.size).toBe(1 + 200 + 200 + 256);
  });

  it('keeps the generation apart from the session id: no two of them run together', () => {
    expect(childOf({ ...FIRST, gen: 10 }, 'x').jti).not.toBe(
      childOf({ ...FIRST, gen: 0 }, 'x|1').jti,
    );
  });

  it('tells nothing of its parent, and has the form of any link', () => {
    let link = FIRST;
    const seen = new Set([link.jti]);
    for (let i = 1; i <= 1_000; i += 1) {
      link = childOf(link, SID);
      expect(link.gen).toBe(i);
      expect(Buffer.from(link.jti, 'base64url').toString('base64url')).toBe(
        link.jti,
      );
      expect(link.jti).toHaveLength(43);
      seen.add(link.jti);
    }
    expect(seen.size).toBe(1_001);
  });
});

describe('what a store is told of a link', () => {
  it('S-053: is SHA-256 of its secret part, computed by another program', () => {
    expect(hashOf(FIRST)).toBe('6oZqdX5MOLq_qBJ8vppAnT4fk6AP8UiP9zX8-Rev_9A');
  });

  it('S-053: is no part of the chain: neither the secret, nor its bytes, nor what the child is made with', () => {
    for (let i = 0; i < 200; i += 1) {
      const link = i === 0 ? FIRST : firstLink();
      const hash = hashOf(link);
      const child = childOf(link, SID);
      expect(hash).toBe(
        createHash('sha256').update(link.jti).digest('base64url'),
      );
      expect([link.jti, child.jti]).not.toContain(hash);
      // Whoever reads the store and takes the hash for a secret gets another chain.
      expect(childOf({ gen: link.gen, jti: hash }, SID).jti).not.toBe(
        child.jti,
      );
      expect(
        createHmac('sha256', Buffer.from(hash, 'base64url'))
          .update(`rotate|${SID}|${link.gen + 1}`)
          .digest('base64url'),
      ).not.toBe(child.jti);
    }
  });
});

describe('the link of a refresh token', () => {
  it('is its generation and secret part where a store keeps the chain', () => {
    const claims = refreshClaimsOf(claimsOf(), { gen: 7 });
    expect(linkOf(claims)).toMatchObject({ gen: 7, jti: claims.jti });
    expect(linkOf(refreshClaimsOf(claimsOf(), { gen: 0 }))?.gen).toBe(0);
  });

  it('is none in a stateless one', () => {
    const stateless = {
      ...sharedClaimsOf(claimsOf()),
      params: 'ada',
      attrs: {},
      rev: 0,
    };
    expect(linkOf(stateless)).toBeUndefined();
  });
});
