import {
  MemorySessionStore,
  type SessionJwtModuleOptions,
} from '../../lib/index.js';
import { authenticationFaultOf } from '../../lib/session/authentication-requirement.js';
import type { SignedSession } from '../../lib/session/model/signed-session.js';
import { signedTokenOf } from '../../lib/session/model/verified-session.js';
import { rounds } from '../support/effort.js';
import { claimsIn, DAY } from '../support/session-claims.js';
import {
  HANDLING,
  openRuntime,
  refreshWith,
  withCookie,
} from './session-runtime.js';

const TIMES = rounds(10_000, 200);
const RECENT = { maxAgeSeconds: 600, acr: undefined, amr: undefined };
const PROOF = { acr: 'gold', amr: ['pwd', 'otp'] };
const INTERVAL = 3_000;
/** Sessions that last as long as the test needs. */
const LONG = {
  dataRefreshInterval: INTERVAL,
  lifetime: { idle: 300 * DAY, absolute: 400 * DAY },
};

async function open(options: Partial<SessionJwtModuleOptions>) {
  let loads = 0;
  const runtime = await openRuntime({ ...LONG, ...options }, (id: string) => {
    loads += 1;
    return { id, loads };
  });
  const signed = await runtime.issuing!.issuer.generate(
    'ada',
    { authentication: PROOF },
    undefined,
  );
  return { ...runtime, signed, loads: () => loads };
}

describe.each<[string, () => Partial<SessionJwtModuleOptions>]>([
  ['without a store', () => ({})],
  ['with a store', () => ({ store: new MemorySessionStore() })],
])('the time of authentication, %s', (_what, optionsOf) => {
  /** What a route with a maximum age says of a token after so many steps. */
  const expectOld = (
    token: string,
    start: number,
    now: number,
    tolerance: number,
  ): void => {
    const claims = claimsIn(token);
    expect(claims).toMatchObject({ auth_time: start, ...PROOF });
    expect(authenticationFaultOf(RECENT, claims, tolerance, now)).toBe('age');
  };

  it(`does not move in ${TIMES} reloads`, async () => {
    const { clock, authenticator, signed, policy, loads } =
      await open(optionsOf());
    const start = clock.nowSeconds();
    let { token } = signed;
    for (let i = 0; i < TIMES; i += 1) {
      clock.advance(INTERVAL);
      const outcome = await authenticator.authenticate(
        withCookie(token),
        HANDLING,
      );
      if (outcome.kind !== 'authenticated') throw new Error(outcome.kind);
      token = signedTokenOf(outcome)!;
      expect(claimsIn(token).auth_time).toBe(start);
    }
    expect(loads()).toBe(TIMES + 1);
    expectOld(token, start, clock.nowSeconds(), policy.toleranceSeconds);
  });

  it(`does not move in ${TIMES} refreshes`, async () => {
    const runtime = await open({ refreshToken: {}, ...optionsOf() });
    const { clock, signed, policy } = runtime;
    const start = clock.nowSeconds();
    let { token, refreshToken }: SignedSession = signed;
    for (let i = 0; i < TIMES; i += 1) {
      clock.advance(INTERVAL);
      const { result } = await refreshWith(runtime, refreshToken);
      if (result.kind !== 'signed') throw new Error(result.kind);
      ({ token, refreshToken } = result.signed);
      expect(claimsIn(token).auth_time).toBe(start);
    }
    expectOld(token, start, clock.nowSeconds(), policy.toleranceSeconds);
    expectOld(
      refreshToken!,
      start,
      clock.nowSeconds(),
      policy.toleranceSeconds,
    );
  });
});
