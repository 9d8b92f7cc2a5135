import { expandedData } from '../../lib/nest/expanded-data.js';
import type { SessionRuntime } from '../../lib/nest/session-runtime.js';
import type { VerifiedSession } from '../../lib/session/model/verified-session.js';

const session = {
  claims: { sid: 's', sub: 'ada', oiat: 1, attrs: {}, data: { id: 'ada' } },
} as unknown as VerifiedSession;

const expandedBy = (expand: (data: unknown) => unknown): unknown =>
  expandedData({ loader: { expand } } as never, session, undefined);

describe('expandedData', () => {
  it('is the data itself where the loader has no expand', () => {
    const runtime: SessionRuntime = { loader: {} } as never;
    expect(expandedData(runtime, session, undefined)).toBe(session.claims.data);
  });

  it('is what expand returns', () => {
    expect(expandedBy(() => 'expanded')).toBe('expanded');
  });

  it.each([
    ['a promise', Promise.resolve('expanded')],
    [
      'a thenable that is no promise, as query builders return',
      // oxlint-disable-next-line unicorn/no-thenable -- what is tested
      { then: (resolve: (value: string) => void) => resolve('expanded') },
    ],
  ])('waits for %s', async (_what, made) => {
    const value = expandedBy(() => made);
    expect(value).toBeInstanceOf(Promise);
    expect(await value).toBe('expanded');
  });
});
