import type { CurrentKeys } from '../../lib/keys/key-ring.js';
import type { KeySet } from '../../lib/keys/key-set.js';
import { SessionMemory } from '../../lib/session/model/session-memory.js';
import { TokenInspection } from '../../lib/session/token-inspection.js';
import { TokenVerifier } from '../../lib/session/tokens/token-verifier.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import {
  claimsOf,
  DAY,
  MINUTE,
  NOW,
  POLICY,
} from '../support/session-claims.js';
import { OTHER_SECRET, SECRET } from '../support/secrets.js';
import { secretKeys } from '../support/token-keys.js';
import { createCodecs, sessionCodecWith } from './codecs.js';

const EMPTY: KeySet = {
  signing: undefined,
  isEmpty: true,
  validUntil: Infinity,
  fingerprint: '',
  find: () => undefined,
};
const OURS = secretKeys(SECRET);
const OTHERS = secretKeys(OTHER_SECRET);
const { codec: issuer } = createCodecs();

/** A verifier whose keys a test changes, and how often it asked for others. */
function createVerifier(keys: KeySet, learned?: KeySet) {
  const state = { current: keys, asked: 0 };
  const currentKeys: CurrentKeys = {
    get current() {
      return state.current;
    },
    ready: () => undefined,
    learn() {
      state.asked += 1;
      state.current = learned ?? state.current;
      return Promise.resolve();
    },
  };
  const verifier = new TokenVerifier(sessionCodecWith(currentKeys), POLICY, {
    maxTokens: 100,
    maxBytes: 2 ** 20,
  });
  return { state, verifier };
}

describe('the verifier of session tokens', () => {
  it('verifies a token once, as long as the keys are the same', () => {
    let lookups = 0;
    const { verifier } = createVerifier({
      ...EMPTY,
      find(kid) {
        lookups += 1;
        return OURS.find(kid);
      },
    });
    const token = issuer.sign(claimsOf());
    const first = verifier.verify(token);
    expect(first).toMatchObject({ kind: 'authenticated' });
    expect(verifier.verify(token)).toBe(first);
    expect(lookups).toBe(1);
  });

  it('A-012: forgets what it verified with keys that are no longer the present ones', () => {
    const { state, verifier } = createVerifier(OURS);
    const token = issuer.sign(claimsOf());
    expect(verifier.verify(token)).toMatchObject({ kind: 'authenticated' });
    state.current = OTHERS;
    expect(verifier.verify(token)).toBe('unknown-key');
    state.current = OURS;
    expect(verifier.verify(token)).toMatchObject({ kind: 'authenticated' });
  });

  it('A-185, V-13: remembers no refusal', () => {
    const { state, verifier } = createVerifier(OTHERS);
    const token = issuer.sign(claimsOf());
    expect(verifier.verify(token)).toBe('unknown-key');
    state.current = OURS;
    expect(verifier.verify(token)).toMatchObject({ kind: 'authenticated' });
  });

  it('says when there is no key at all', () => {
    expect(createVerifier(EMPTY).verifier.hasNoKeys).toBe(true);
    expect(createVerifier(OURS).verifier.hasNoKeys).toBe(false);
  });
});

describe('the check of a session token', () => {
  function createCheck(keys: KeySet, learned?: KeySet, isVerifyOnly = false) {
    const clock = new TestSessionClock(NOW);
    const memory = new SessionMemory();
    const { verifier, state } = createVerifier(keys, learned);
    const check = new TokenInspection({
      verifier,
      records: undefined,
      memory,
      revocations: undefined,
      clock,
      isVerifyOnly,
    });
    return { check, clock, memory, state };
  }

  it('asks for a key that it does not know, once', async () => {
    const { check, state } = createCheck(OTHERS, OURS);
    const token = issuer.sign(claimsOf());
    expect(await check.inspect(token)).toMatchObject({ kind: 'authenticated' });
    expect(state.asked).toBe(1);
  });

  it('refuses a key that nobody knows', async () => {
    const { check } = createCheck(OTHERS);
    expect(await check.inspect(issuer.sign(claimsOf()))).toBe('unknown-key');
  });

  it('fails where no key could be had yet: that is no verdict on the token', async () => {
    const { check } = createCheck(EMPTY);
    await expect(check.inspect(issuer.sign(claimsOf()))).rejects.toMatchObject({
      code: 'KEYS_UNAVAILABLE',
      retryAfterSeconds: 1,
    });
  });

  it('refuses what is over by its clocks or in this process', async () => {
    const { check, clock, memory } = createCheck(OURS);
    const claims = claimsOf();
    const token = issuer.sign(claims);
    memory.end(claims.sid);
    expect(await check.inspect(token)).toBe('ended');
    clock.advance(7 * DAY);
    expect(await check.inspect(token)).toBe('expired');
  });

  it.each([
    [true, 30 * MINUTE - 1, 'authenticated'],
    [true, 30 * MINUTE, 'stale'],
    [false, 30 * MINUTE, 'authenticated'],
  ])(
    'with verifyOnly %p, data of %d seconds is %s',
    async (isVerifyOnly, age, expected) => {
      const { check, clock } = createCheck(OURS, undefined, isVerifyOnly);
      const token = issuer.sign(claimsOf());
      clock.advance(age);
      const verdict = await check.inspect(token);
      expect(typeof verdict === 'string' ? verdict : verdict.kind).toBe(
        expected,
      );
    },
  );
});
