import { SessionMemory } from '../../lib/session/session-memory.js';
import { newSessionId } from '../support/session-claims.js';

describe('SessionMemory', () => {
  it('knows which sessions have ended and how, and only those', () => {
    const memory = new SessionMemory();
    memory.end('a');
    memory.end('a');
    memory.end('b', 'replaced');
    expect(memory.endOf('a')).toBe('ended');
    expect(memory.endOf('b')).toBe('replaced');
    expect(memory.endOf('c')).toBeUndefined();
    expect(memory.endOf('__proto__')).toBeUndefined();
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
      expect(memory.isCurrent('a', rev)).toBe(!isOlder);
    },
  );

  it('knows of no revision of a session that was never updated', () => {
    const memory = new SessionMemory();
    memory.update('a', { rev: 3, attrs: {} });
    expect(memory.newerThan('b', 0)).toBeUndefined();
    expect(memory.isCurrent('b', 0)).toBe(true);
  });

  it('lets no token of an ended session go out, whatever its revision', () => {
    const memory = new SessionMemory();
    memory.update('a', { rev: 3, attrs: {} });
    memory.end('a');
    expect(memory.isCurrent('a', 3)).toBe(false);
    expect(memory.isCurrent('a', 9)).toBe(false);
    expect(memory.newerThan('a', 0)).toBeUndefined();
  });

  it('does not revive an ended session by an update that comes late', () => {
    const memory = new SessionMemory();
    memory.end('a');
    memory.update('a', { rev: 1, attrs: {} });
    expect(memory.endOf('a')).toBe('ended');
    expect(memory.isCurrent('a', 1)).toBe(false);
  });

  it('remembers the last 50,000 ended sessions at least, and not all for ever', () => {
    const memory = new SessionMemory();
    const sids = Array.from({ length: 250_000 }, newSessionId);
    for (const sid of sids) {
      memory.end(sid);
    }
    expect(
      sids.slice(-50_000).every((sid) => memory.endOf(sid) === 'ended'),
    ).toBe(true);
    expect(memory.endOf(sids[0]!)).toBeUndefined();
  }, 30_000);

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
});
