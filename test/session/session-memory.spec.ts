import { SessionMemory } from '../../lib/session/model/session-memory.js';
import { rounds } from '../support/effort.js';
import { newSessionId } from '../support/session-claims.js';

describe('SessionMemory', () => {
  it('knows which sessions have ended and how, and only those', () => {
    const memory = new SessionMemory();
    memory.end('a');
    memory.end('a');
    memory.end('b', 'replaced');
    expect(memory.endHere('a')).toBe('ended');
    expect(memory.endHere('b')).toBe('replaced');
    expect(memory.endHere('c')).toBeUndefined();
    expect(memory.endHere('__proto__')).toBeUndefined();
  });

  it.each([
    [0, true],
    [2, true],
    [3, false],
    [4, false],
  ])(
    'of revision 3 tells a token of revision %i that it is older: %s',
    (rev, isOlder) => {
      const memory = new SessionMemory();
      const revision = { rev: 3, attrs: { theme: 'dark' } };
      memory.update('a', revision);
      expect(memory.newerThan('a', rev)).toEqual(
        isOlder ? revision : undefined,
      );
      expect(memory.isCurrent(claimsOf('a', rev))).toBe(!isOlder);
    },
  );

  it('knows of no revision of a session that was never updated', () => {
    const memory = new SessionMemory();
    memory.update('a', { rev: 3, attrs: {} });
    expect(memory.newerThan('b', 0)).toBeUndefined();
    expect(memory.isCurrent(claimsOf('b', 0))).toBe(true);
  });

  it('lets no token of an ended session go out, whatever its revision', () => {
    const memory = new SessionMemory();
    memory.update('a', { rev: 3, attrs: {} });
    memory.end('a');
    expect(memory.isCurrent(claimsOf('a', 3))).toBe(false);
    expect(memory.isCurrent(claimsOf('a', 9))).toBe(false);
    expect(memory.newerThan('a', 0)).toBeUndefined();
  });

  it('does not revive an ended session by an update that comes late', () => {
    const memory = new SessionMemory();
    memory.end('a');
    memory.update('a', { rev: 1, attrs: {} });
    expect(memory.endHere('a')).toBe('ended');
    expect(memory.isCurrent(claimsOf('a', 1))).toBe(false);
  });

  it('knows the latest idle end of a session, until that ends', () => {
    const memory = new SessionMemory();
    expect(memory.idleEndOf('a')).toBe(0);
    memory.extend('a', 200);
    memory.extend('a', 100);
    expect(memory.idleEndOf('a')).toBe(200);
    expect(memory.idleEndOf('b')).toBe(0);
    memory.end('a');
    expect(memory.idleEndOf('a')).toBe(0);
  });

  it('remembers the last 50,000 ended sessions at least, and not all for ever', () => {
    const memory = new SessionMemory();
    const sids = Array.from({ length: rounds(250_000, 120_000) }, newSessionId);
    for (const sid of sids) {
      memory.end(sid);
    }
    expect(
      sids.slice(-50_000).every((sid) => memory.endHere(sid) === 'ended'),
    ).toBe(true);
    expect(memory.endHere(sids[0]!)).toBeUndefined();
  });

  it('remembers the attributes of the last 5,000 updated sessions at least', () => {
    const memory = new SessionMemory();
    const sids = Array.from({ length: 25_000 }, newSessionId);
    for (const sid of sids) {
      memory.update(sid, { rev: 1, attrs: { sid } });
    }
    for (const sid of sids.slice(-5_000)) {
      expect(memory.newerThan(sid, 0)?.attrs).toEqual({ sid });
    }
    expect(memory.newerThan(sids[0]!, 0)).toBeUndefined();
  });

  it.each([
    [undefined, true],
    [Infinity, true],
    [4, true],
    [3, true],
    [2, false],
    [0, false],
  ])(
    'after refresh token 3 was issued, tokens of generation %p may go out: %s',
    (generation, isCurrent) => {
      const memory = new SessionMemory();
      memory.refresh('a', 3);
      expect(memory.isCurrent(claimsOf('a', 0), generation)).toBe(isCurrent);
      expect(memory.isCurrent(claimsOf('b', 0), generation)).toBe(true);
    },
  );

  it('lets every generation go out of a session that was not refreshed here', () => {
    const memory = new SessionMemory();
    expect(memory.isCurrent(claimsOf('a', 0), 0)).toBe(true);
    memory.refresh('a', 0);
    expect(memory.isCurrent(claimsOf('a', 0), 0)).toBe(true);
  });

  it('does not go back to an older generation that is answered again', () => {
    const memory = new SessionMemory();
    memory.refresh('a', 5);
    memory.refresh('a', 4);
    expect(memory.isCurrent(claimsOf('a', 0), 4)).toBe(false);
    expect(memory.isCurrent(claimsOf('a', 0), 5)).toBe(true);
  });

  it('asks for the generation where there is one, else for the revision, and for the end before both', () => {
    const memory = new SessionMemory();
    memory.refresh('a', 2);
    memory.update('a', { rev: 3, attrs: {} });
    expect(memory.isCurrent(claimsOf('a', 3), 2)).toBe(true);
    expect(memory.isCurrent(claimsOf('a', 2))).toBe(false);
    // Its refresh token must arrive, with whatever attributes.
    expect(memory.isCurrent(claimsOf('a', 2), 2)).toBe(true);
    expect(memory.isCurrent(claimsOf('a', 3), 1)).toBe(false);
    memory.end('a');
    expect(memory.isCurrent(claimsOf('a', 3), 2)).toBe(false);
    expect(memory.isCurrent(claimsOf('a', 9), 9)).toBe(false);
    // A refresh that comes late does not revive it.
    memory.refresh('a', 9);
    expect(memory.isCurrent(claimsOf('a', 9), 9)).toBe(false);
  });

  it('does not go back to an older revision that is told of late', () => {
    const memory = new SessionMemory();
    const newest = { rev: 3, attrs: { theme: 'dark' } };
    memory.update('a', newest);
    memory.update('a', { rev: 2, attrs: {} });
    memory.update('a', { rev: 3, attrs: { theme: 'of another' } });
    expect(memory.newerThan('a', 0)).toBe(newest);
    memory.update('a', { rev: 4, attrs: {} });
    expect(memory.newerThan('a', 3)?.rev).toBe(4);
  });

  it('tells all who want to know of each end, once, when it is known already', () => {
    const memory = new SessionMemory();
    const heard: string[] = [];
    memory.whenEnded((sid) => heard.push(`1 ${sid} ${memory.endHere(sid)}`));
    memory.whenEnded((sid) => heard.push(`2 ${sid} ${memory.endHere(sid)}`));
    memory.update('a', { rev: 1, attrs: {} });
    memory.refresh('a', 1);
    expect(heard).toEqual([]);
    memory.end('a');
    memory.end('b', 'replaced');
    expect(heard).toEqual([
      '1 a ended',
      '2 a ended',
      '1 b replaced',
      '2 b replaced',
    ]);
  });

  it('remembers the generations of the last 5,000 refreshed sessions at least', () => {
    const memory = new SessionMemory();
    const sids = Array.from({ length: 25_000 }, newSessionId);
    for (const sid of sids) {
      memory.refresh(sid, 2);
    }
    expect(
      sids.slice(-5_000).some((sid) => memory.isCurrent(claimsOf(sid, 0), 1)),
    ).toBe(false);
    expect(memory.isCurrent(claimsOf(sids[0]!, 0), 1)).toBe(true);
  });

  it.each([
    ['of the second before, whatever its revision', { lat: 9, rev: 7 }, true],
    ['of that second, issued before', { lat: 10, rev: 1 }, true],
    ['of that second, issued with it', { lat: 10, rev: 2 }, false],
    ['of that second, issued after it', { lat: 10, rev: 3 }, false],
    ['loaded later by a node that did not know', { lat: 11, rev: 0 }, false],
  ])(
    'knows whether a reload on demand has replaced the data of a token %s',
    (_which, age, isReplaced) => {
      const memory = new SessionMemory();
      memory.reload('a', { rev: 2, attrs: {} }, 10);
      const token = { sid: 'a', ...age };
      expect(memory.hasReplaced(token)).toBe(isReplaced);
      expect(memory.hasReplaced({ ...token, sid: 'b' })).toBe(false);
      expect(memory.isOutdated(token)).toBe(isReplaced || age.rev < 2);
    },
  );

  it('keeps the last reload on demand over updates, and forgets it at the end of the session', () => {
    const memory = new SessionMemory();
    memory.reload('a', { rev: 2, attrs: {} }, 10);
    memory.update('a', { rev: 3, attrs: { theme: 'dark' } });
    expect(memory.loadOf('a')).toEqual({ lat: 10, rev: 2 });
    // A reload that is told of late takes nothing back.
    memory.reload('a', { rev: 1, attrs: {} }, 9);
    expect(memory.newerThan('a', 2)?.attrs).toEqual({ theme: 'dark' });
    expect(memory.loadOf('a')?.lat).toBe(10);
    memory.end('a');
    expect(memory.loadOf('a')).toBeUndefined();
    expect(memory.isOutdated({ sid: 'a', rev: 0, lat: 0 })).toBe(false);
  });
});

function claimsOf(sid: string, rev: number) {
  return { sid, sub: 'ada', oiat: 1, rev };
}
