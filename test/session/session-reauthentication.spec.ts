import { MemorySessionStore } from '../../lib/index.js';
import { SessionMemory } from '../../lib/session/model/session-memory.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { claimsIn, NOW } from '../support/session-claims.js';
import {
  factsOf,
  openRuntime,
  refreshWith,
  withCookie,
  type OpenedRuntime,
} from './session-runtime.js';

const COOKIE = '__Host-Http-session';

async function prove(
  runtime: OpenedRuntime,
  tokens: { token: string; refreshToken: string | undefined },
  headers: Record<string, string> = {},
) {
  const session = await runtime.inspection.inspect(tokens.token);
  if (typeof session === 'string') throw new Error(session);
  const cookie = `${COOKIE}=${tokens.token}; ${COOKIE}-refresh=${tokens.refreshToken}`;
  const facts = factsOf({ cookie, ...headers }, { method: 'POST' });
  return runtime.issuing!.reauthentication.reauthenticate(
    session,
    {},
    {
      facts,
      tokenInBody: undefined,
      carriers: runtime.transports.all,
      isPassive: false,
    },
  );
}

const generate = ({ issuing }: OpenedRuntime) =>
  issuing!.issuer.generate('ada', {}, undefined);

describe('a new proof of who the user is', () => {
  it('is refused for a request of another site, whatever guard came before', async () => {
    const runtime = await openRuntime({ refreshToken: {} });
    const signed = await generate(runtime);
    const headers = {
      origin: 'https://evil.example',
      'sec-fetch-site': 'cross-site',
    };
    await expect(prove(runtime, signed, headers)).rejects.toMatchObject({
      code: 'CSRF_REFUSED',
    });
    expect(runtime.heard.map(({ type }) => type)).not.toContain(
      'reauthenticated',
    );
  });

  it.each([
    ['stateless', undefined],
    ['recorded', new MemorySessionStore()],
  ])(
    'made by a node whose clock is ahead is kept by one that is behind: %s',
    async (_kind, store) => {
      const options = { refreshToken: {}, ...(store && { store }) };
      const behind = await openRuntime(options);
      const ahead = await openRuntime(
        options,
        undefined,
        new TestSessionClock(),
      );
      const signed = await generate(behind);
      ahead.clock.advance(5);
      const proved = await prove(ahead, signed);
      if ('refusal' in proved) throw new Error(proved.refusal);
      const { result } = await refreshWith(behind, proved.refreshToken);
      if (result.kind !== 'signed') throw new Error(result.kind);
      const { token } = result.signed;
      expect(claimsIn(token).auth_time).toBe(claimsIn(signed.token).iat + 5);
      expect(typeof (await behind.inspection.inspect(token))).toBe('object');
      const outcome = await behind.authenticator.authenticate(
        withCookie(token),
        { canDeliver: true, asksStore: false, isPassive: false },
      );
      expect(outcome.kind).toBe('authenticated');
    },
  );
});

describe('what a process remembers of proofs', () => {
  const proof = (auth_time: number, acr?: string) => ({
    auth_time,
    ...(acr && { acr }),
  });
  const overtaken = (
    memory: SessionMemory,
    claims: ReturnType<typeof proof>,
    at = NOW,
  ) => memory.isOvertaken({ sid: 'a', ...claims }, at);

  it('is the latest one, for a minute', () => {
    const memory = new SessionMemory();
    expect(overtaken(memory, proof(NOW - 60))).toBe(false);
    memory.prove('a', proof(NOW, 'gold'), NOW);
    memory.prove('a', proof(NOW - 30), NOW);
    expect(overtaken(memory, proof(NOW - 30))).toBe(true);
    expect(overtaken(memory, proof(NOW))).toBe(true);
    expect(overtaken(memory, proof(NOW, 'gold'))).toBe(false);
    expect(overtaken(memory, proof(NOW + 1))).toBe(false);
    expect(overtaken(memory, proof(NOW - 30), NOW + 60)).toBe(true);
    expect(overtaken(memory, proof(NOW - 30), NOW + 61)).toBe(false);
    expect(memory.isOvertaken({ sid: 'b', ...proof(1) }, NOW)).toBe(false);
    memory.forget('a');
    expect(overtaken(memory, proof(NOW - 30))).toBe(false);
  });
});
