import type { SessionJwtModuleOptions } from '../../lib/options/session-jwt-module-options.js';
import type { SessionEvent } from '../../lib/session/model/session-event.js';
import { MemorySessionStore } from '../../lib/stores/memory-session-store.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { OTHER_SECRET, SECRET } from '../support/secrets.js';
import { openRuntime, refreshWith } from './session-runtime.js';

const FORMER = SECRET;
const CURRENT = OTHER_SECRET;

/** The nodes of an application in the middle of a rotation of its secret. */
const NODES = [[FORMER], [FORMER, CURRENT], [CURRENT, FORMER], [CURRENT]];

async function openNodes(
  options: Partial<SessionJwtModuleOptions>,
  secrets = NODES,
) {
  const clock = new TestSessionClock();
  return Promise.all(
    secrets.map((secret) =>
      openRuntime(
        { secret, refreshToken: {}, transport: 'header', ...options },
        undefined,
        clock,
      ),
    ),
  );
}

const namesOf = (heard: readonly SessionEvent[]) =>
  heard.flatMap((event) =>
    'session' in event ? [`${event.type} ${event.session}`] : [],
  );

describe('the name of a session in events', () => {
  it('is the same on every node, while the secret is rotated, from sign-in to an end by the store', async () => {
    const nodes = await openNodes({
      store: new MemorySessionStore(),
      maxSessions: { max: 1, policy: 'end-oldest' },
    });
    const [first, second, third, fourth] = nodes.map((node) => ({
      ...node,
      signIn: () => node.issuing!.issuer.generate('ada', {}, undefined),
    }));
    const { session, refreshToken } = await first!.signIn();
    const name = first!.events.nameOf(session.claims.sid);
    const { result } = await refreshWith(second!, refreshToken);
    const { refreshToken: next } = (result as any).signed;
    await refreshWith(third!, next);
    // The store ends the session, on a node that knows none of its tokens.
    await fourth!.signIn();
    expect(namesOf(first!.heard)).toEqual([`created ${name}`]);
    expect(namesOf(second!.heard)).toEqual([`refreshed ${name}`]);
    expect(namesOf(third!.heard)).toEqual([`refreshed ${name}`]);
    expect(namesOf(fourth!.heard)).toContain(`ended ${name}`);
    expect(name).not.toContain(session.claims.sid);
    expect(name).toHaveLength(16);
  });

  it('differs between sessions, and between applications', async () => {
    const [node] = await openNodes({}, [[FORMER]]);
    const [other] = await openNodes({ issuer: 'other' }, [[FORMER]]);
    const [audience] = await openNodes({ audience: 'other' }, [[FORMER]]);
    const names = [node, other, audience].flatMap((each) =>
      ['one', 'two'].map((sid) => each!.events.nameOf(sid)),
    );
    expect(new Set(names).size).toBe(6);
  });
});
