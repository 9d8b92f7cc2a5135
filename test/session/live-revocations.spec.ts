import { LiveRevocations } from '../../lib/session/revocations/live-revocations.js';
import type { Revocation } from '../../lib/session/revocations/revocation.js';
import { rounds } from '../support/effort.js';
import { seededRandom } from '../support/random.js';

const FOREVER = 10_000;

const session = (sid: string, sub: string, at = 1): Revocation => ({
  kind: 'session',
  sid,
  sub,
  at,
  until: FOREVER,
  how: 'ended',
});
const cutOff = (sub: string, at: number, except?: string): Revocation => ({
  kind: 'subject',
  sub,
  at,
  until: FOREVER,
  ...(except && { except }),
});

/** What ends a session, read straight from the contract. */
function endedBy(
  revocations: readonly Revocation[],
  { sid, sub, oiat }: { sid: string; sub: string; oiat: number },
): boolean {
  return revocations.some((each) => {
    switch (each.kind) {
      case 'session':
        return each.sid === sid && each.sub === sub;
      case 'subject':
        return each.sub === sub && oiat <= each.at && each.except !== sid;
      case 'everything':
        return oiat <= each.at;
    }
  });
}

describe('live revocations', () => {
  it(`end exactly what the contract says, in any order and however often they come: ${rounds(3_000, 300)} histories`, () => {
    const random = seededRandom(16);
    const below = (count: number): number => Math.floor(random() * count);
    for (let round = 0; round < rounds(3_000, 300); round += 1) {
      const history: Revocation[] = Array.from({ length: below(9) }, () => {
        const sub = `user-${below(2)}`;
        switch (below(8)) {
          case 0:
            return { kind: 'everything', at: below(3), until: FOREVER };
          case 1:
          case 2:
            return session(`s${below(4)}`, sub);
          default:
            return cutOff(sub, below(8), below(2) ? `s${below(4)}` : undefined);
        }
      });
      const live = new LiveRevocations(1_000);
      for (const each of [...history, ...history.toReversed()]) live.add(each);
      for (let i = 0; i < 64; i += 1) {
        const claims = {
          sid: `s${i % 4}`,
          sub: `user-${(i >> 2) % 2}`,
          oiat: i >> 3,
        };
        expect({ history, claims, ended: live.endOf(claims) }).toEqual({
          history,
          claims,
          ended: endedBy(history, claims) ? 'ended' : undefined,
        });
      }
    }
  });

  it('say whether an entry ends more than those before', () => {
    const live = new LiveRevocations(1_000);
    const verdicts = [
      session('a', 'ada'),
      session('a', 'ada'),
      session('a', 'eve'),
      session('a', 'eve'),
      cutOff('ada', 5, 'x'),
      cutOff('ada', 5, 'x'),
      cutOff('ada', 4, 'x'),
      cutOff('ada', 4, 'y'),
      cutOff('ada', 3),
      cutOff('ada', 6),
      { kind: 'everything', at: 2, until: FOREVER } as const,
      { kind: 'everything', at: 2, until: FOREVER } as const,
    ].map((each) => live.add(each));
    expect(verdicts).toEqual([
      'added',
      'known',
      'added',
      'known',
      'added',
      'known',
      'known',
      'added',
      'known',
      'added',
      'added',
      'known',
    ]);
  });

  it('keep how a session ended', () => {
    const live = new LiveRevocations(1_000);
    live.add({ ...session('a', 'ada'), how: 'replaced' } as Revocation);
    const claims = { sid: 'a', sub: 'ada', oiat: 1 };
    expect(live.endOf(claims)).toBe('replaced');
    live.add(cutOff('ada', 9));
    expect(live.endOf(claims)).toBe('replaced');
  });

  it('of one subject beyond 100 become a cut-off at the time of the last', () => {
    const live = new LiveRevocations(10_000);
    for (let i = 1; i <= 100; i += 1) live.add(session(`s${i}`, 'ada', i));
    const other = { sid: 'other', sub: 'ada', oiat: 50 };
    expect([live.isCrowded('ada'), live.endOf(other)]).toEqual([
      true,
      undefined,
    ]);
    live.add(session('s101', 'ada', 101));
    expect(live.endOf(other)).toBe('ended');
    expect(live.endOf({ ...other, oiat: 102 })).toBeUndefined();
    expect(live.size).toBe(101);
    expect(live.cutOffOf('ada')).toBe(101);
  });

  it('are removed when no token can meet them any more, and not before', () => {
    const live = new LiveRevocations(1_000);
    live.add({ ...session('a', 'ada'), until: 1_000 });
    live.add({ ...cutOff('eve', 5), until: 1_000 });
    live.add({ ...cutOff('eve', 6), until: 1_200 });
    live.add({ kind: 'everything', at: 0, until: 900 });
    live.sweep(999);
    expect(live.size).toBe(2);
    expect(live.everything).toBeUndefined();
    const ended = () => [
      live.endOf({ sid: 'a', sub: 'ada', oiat: 1 }),
      live.endOf({ sid: 'b', sub: 'eve', oiat: 6 }),
    ];
    expect(ended()).toEqual(['ended', 'ended']);
    live.sweep(1_199);
    expect(ended()).toEqual([undefined, 'ended']);
    live.sweep(1_300);
    expect(ended()).toEqual([undefined, undefined]);
    expect(live.size).toBe(0);
    // Room again for the subject.
    expect(live.isCrowded('ada')).toBe(false);
  });

  it('are removed a part at a time', () => {
    const live = new LiveRevocations(100_000);
    for (let i = 0; i < 12_000; i += 1) {
      live.add({ ...session(`s${i}`, `user-${i}`), until: 10 });
    }
    const sizes = [0, 1, 2, 3].map(() => {
      live.sweep(1_000);
      return live.size;
    });
    expect(sizes).toEqual([7_000, 2_000, 0, 0]);
  });

  it('have a bound, which cut-offs of known subjects do not exceed', () => {
    const live = new LiveRevocations(2);
    expect(
      [
        session('a', 'ada'),
        cutOff('eve', 1),
        session('b', 'bob'),
        cutOff('bob', 1),
        cutOff('eve', 2),
        { kind: 'everything', at: 1, until: FOREVER } as const,
      ].map((each) => live.add(each)),
    ).toEqual(['added', 'added', 'full', 'full', 'added', 'added']);
  });
});
