import { readProof } from '../../lib/binding/device-proof.js';
import { TestDevice, type DeviceResponse } from '../../lib/testing/index.js';

const OFFER = {
  status: 200,
  headers: {
    'secure-session-registration':
      '(ES256 RS256);path="/session/device";challenge="first"',
  },
};
const INSTRUCTIONS = {
  session_identifier: 'id-1',
  refresh_url: '/session/device/refresh',
};
const BOUND: DeviceResponse = { status: 200, headers: {}, body: INSTRUCTIONS };
const challenged = (challenge: string): DeviceResponse => ({
  status: 403,
  headers: { 'secure-session-challenge': `"${challenge}";id="id-1"` },
});

/** A device, what it sent, and the answers that it gets, in order. */
function deviceWith(answers: DeviceResponse[], algorithm?: 'ES256' | 'RS256') {
  const sent: { path: string; id?: string; challenge?: string }[] = [];
  const device = new TestDevice(async (path, headers) => {
    const { 'Sec-Secure-Session-Id': id, 'Secure-Session-Response': proof } =
      headers;
    const read = proof === undefined ? undefined : readProof(proof);
    sent.push({
      path,
      ...(id !== undefined && { id }),
      ...(read && { challenge: read.challenge }),
    });
    return answers.shift()!;
  }, algorithm);
  return { device, sent };
}

/** A device that has registered. */
async function boundWith(...answers: DeviceResponse[]) {
  const { device, sent } = deviceWith([BOUND, ...answers]);
  await device.register(OFFER);
  expect(device.isBound).toBe(true);
  sent.length = 0;
  return { device, sent };
}

describe('a device of tests', () => {
  it.each(['ES256', 'RS256'] as const)(
    'proves that it has its key, which it presents at a registration only: %s',
    (algorithm) => {
      const [{ device }, other] = [
        deviceWith([], algorithm),
        deviceWith([], algorithm),
      ];
      const registration = readProof(
        device.proofOf('a', { isRegistration: true }),
      )!;
      const key = registration.presentedKey!;
      expect(key.algorithm).toBe(algorithm);
      expect(registration.isSignedBy(key)).toBe(true);
      const refresh = readProof(device.proofOf('b'))!;
      expect(refresh).toMatchObject({
        challenge: 'b',
        presentedKey: undefined,
      });
      expect(refresh.isSignedBy(key)).toBe(true);
      expect(readProof(other.device.proofOf('b'))!.isSignedBy(key)).toBe(false);
    },
  );

  it('registers where a sign-in offers it', async () => {
    const { device, sent } = deviceWith([BOUND]);
    expect(device.isBound).toBe(false);
    expect(await device.register(OFFER)).toBe(BOUND);
    expect(sent).toEqual([{ path: '/session/device', challenge: 'first' }]);
    expect(device.isBound).toBe(true);
  });

  it('sends nothing without an offer', async () => {
    const { device, sent } = deviceWith([]);
    for (const headers of [{}, { 'secure-session-registration': ['a'] }]) {
      expect(await device.register({ status: 200, headers })).toBeUndefined();
    }
    expect(sent).toEqual([]);
    await expect(device.refresh()).rejects.toThrow('no session is bound');
  });

  it.each<[string, DeviceResponse]>([
    ['a refusal', { status: 401, headers: {}, body: {} }],
    ['an outage', { status: 503, headers: {}, body: {} }],
    ['an end', { status: 200, headers: {}, body: { continue: false } }],
    ['nothing', { status: 200, headers: {} }],
  ])('is not bound by %s', async (_case, answer) => {
    const { device } = deviceWith([answer]);
    expect(await device.register(OFFER)).toBe(answer);
    expect(device.isBound).toBe(false);
  });

  it('asks for a challenge, then signs it', async () => {
    const { device, sent } = await boundWith(challenged('second'), BOUND);
    expect(await device.refresh()).toBe(BOUND);
    const path = '/session/device/refresh';
    expect(sent).toEqual([
      { path, id: '"id-1"' },
      { path, id: '"id-1"', challenge: 'second' },
    ]);
  });

  it('uses a challenge that it got ahead, once', async () => {
    const ahead = { ...BOUND, headers: challenged('ahead').headers };
    const { device, sent } = await boundWith(
      challenged('second'),
      ahead,
      BOUND,
      challenged('third'),
      BOUND,
    );
    for (let i = 0; i < 3; i += 1) {
      expect((await device.refresh()).status).toBe(200);
    }
    expect(sent.map(({ challenge }) => challenge)).toEqual([
      undefined,
      'second',
      'ahead',
      undefined,
      'third',
    ]);
  });

  it('signs another challenge if the first one was stale', async () => {
    const ahead = { ...BOUND, headers: challenged('stale').headers };
    const { device, sent } = await boundWith(
      challenged('second'),
      ahead,
      challenged('third'),
      BOUND,
    );
    await device.refresh();
    expect((await device.refresh()).status).toBe(200);
    expect(sent.slice(2).map(({ challenge }) => challenge)).toEqual([
      'stale',
      'third',
    ]);
  });

  it('tries no third time', async () => {
    const { device, sent } = await boundWith(challenged('a'), challenged('b'));
    expect((await device.refresh()).status).toBe(403);
    expect(sent).toHaveLength(2);
    expect(device.isBound).toBe(true);
  });

  it.each([
    [200, { continue: false }, false],
    [400, {}, false],
    [401, {}, false],
    [404, {}, false],
    [403, {}, true],
    [407, {}, true],
    [429, {}, true],
    [500, {}, true],
    [503, {}, true],
  ])('after %i %p is bound: %s', async (status, body, isBound) => {
    const { device } = await boundWith({ status, headers: {}, body });
    expect((await device.refresh()).status).toBe(status);
    expect(device.isBound).toBe(isBound);
  });
});
