import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import {
  DeviceChallenges,
  type DeviceChallengesParts,
  type OfferedSession,
} from '../../lib/binding/device-challenges.js';
import { TestSessionClock } from '../../lib/testing/index.js';
import { newSessionId, NOW } from '../support/session-claims.js';
import { rows } from '../support/titles.js';

const OLD = createSecretKey(Buffer.alloc(32, 1));
const NEW = createSecretKey(Buffer.alloc(32, 2));
const SID = newSessionId();
const OFFERED: OfferedSession = { sid: SID, sub: 'ada', oiat: NOW };
const TOLERANCE = 5;

function challengesWith(
  parts: Partial<Omit<DeviceChallengesParts, 'keys'>> & {
    keys?: readonly KeyObject[];
  } = {},
) {
  const { keys = [NEW], ...rest } = parts;
  const clock = new TestSessionClock(NOW);
  const challenges = new DeviceChallenges({
    issuer: 'https://issuer.example',
    audience: 'app',
    clock,
    toleranceSeconds: TOLERANCE,
    ...rest,
    keys: () => keys,
  });
  return { clock, challenges };
}

/** Signs anything as our challenges are signed. */
function sealed(purpose: string, content: string): string {
  const text = Buffer.from(content).toString('base64url');
  const mac = createHmac('sha256', NEW)
    .update(JSON.stringify([purpose, 'https://issuer.example', 'app', text]))
    .digest('base64url');
  return `${text}.${mac}`;
}

describe('the challenge of a registration', () => {
  it.each<[string, OfferedSession]>([
    ['without a place in a chain', OFFERED],
    [
      'with its place in a chain',
      { ...OFFERED, link: { generation: 0, secretHash: 'h'.repeat(43) } },
    ],
    [
      'of a later generation',
      { ...OFFERED, link: { generation: 7, secretHash: 'h'.repeat(43) } },
    ],
    ['of a user with quotes', { ...OFFERED, sub: '"],"' }],
    ['of a user with the longest name', { ...OFFERED, sub: '語'.repeat(255) }],
  ])('names the session again: one %s', (_case, session) => {
    const { challenges } = challengesWith();
    const challenge = challenges.forRegistration(session);
    // It stands in a structured field, and in a JSON text.
    expect(challenge).toMatch(/^[\w-]+\.[\w-]{43}$/);
    expect(challenge.length).toBeLessThan(2_048);
    expect(challenges.offeredBy(challenge)).toEqual(session);
  });

  it.each([
    [-TOLERANCE - 1, false],
    [-TOLERANCE, true],
    [0, true],
    [299, true],
    [300, false],
  ])('of now, seen at %i s, is good: %s', (seconds, isGood) => {
    const { challenges, clock } = challengesWith();
    const challenge = challenges.forRegistration(OFFERED);
    clock.advance(seconds);
    expect(challenges.offeredBy(challenge)).toEqual(
      isGood ? OFFERED : undefined,
    );
  });
});

describe('the challenge of a refresh', () => {
  it.each([
    [-TOLERANCE - 1, false],
    [-TOLERANCE, true],
    [0, true],
    [59, true],
    [60, false],
  ])('of now, seen at %i s, is good: %s', (seconds, isGood) => {
    const { challenges, clock } = challengesWith();
    const challenge = challenges.forRefresh(SID);
    clock.advance(seconds);
    expect(challenges.isForRefresh(SID, challenge)).toBe(isGood);
  });

  it('is for one session', () => {
    const { challenges } = challengesWith();
    const challenge = challenges.forRefresh(SID);
    expect(challenges.isForRefresh(newSessionId(), challenge)).toBe(false);
    expect(challenges.isForRefresh(`${SID} `, challenge)).toBe(false);
  });
});

describe('a challenge of either kind', () => {
  const kinds: [
    string,
    (of: DeviceChallenges) => string,
    (by: DeviceChallenges, challenge: string) => boolean,
  ][] = [
    [
      'registration',
      (of) => of.forRegistration(OFFERED),
      (by, challenge) => by.offeredBy(challenge) !== undefined,
    ],
    [
      'refresh',
      (of) => of.forRefresh(SID),
      (by, challenge) => by.isForRefresh(SID, challenge),
    ],
  ];

  it.each(kinds)('is for its purpose only: %s', (kind, make, isGood) => {
    const { challenges } = challengesWith();
    for (const [other, , isGoodFor] of kinds) {
      const made = make(challenges);
      expect([other, isGoodFor(challenges, made)]).toEqual([
        other,
        other === kind,
      ]);
    }
    expect(isGood(challenges, sealed('csrf', `["${SID}"]`))).toBe(false);
  });

  it.each(
    kinds.flatMap(([kind, make, isGood]) =>
      (
        [
          ['the same keys', [NEW], [NEW], true],
          ['an older key of the reader', [OLD], [NEW, OLD], true],
          ['a key that the reader signs with later', [NEW], [OLD, NEW], true],
          ['both keys in the other order', [OLD, NEW], [NEW, OLD], true],
          ['a key that is gone', [OLD], [NEW], false],
          ['a key that is not there yet', [NEW, OLD], [OLD], false],
        ] as const
      ).map(
        ([keys, issuer, reader, expected]) =>
          [kind, keys, issuer, reader, expected, make, isGood] as const,
      ),
    ),
  )(
    'for a %s is checked with %s',
    (_kind, _keys, issuer, reader, expected, make, isGood) => {
      const challenge = make(challengesWith({ keys: issuer }).challenges);
      const { challenges } = challengesWith({ keys: reader });
      expect(isGood(challenges, challenge)).toBe(expected);
    },
  );

  it.each(kinds)('is for its realm only: %s', (_kind, make, isGood) => {
    const challenge = make(challengesWith().challenges);
    for (const realm of [
      { issuer: 'https://other.example' },
      { audience: 'other' },
      { issuer: 'app', audience: 'https://issuer.example' },
    ]) {
      const { challenges } = challengesWith(realm);
      expect(isGood(challenges, challenge)).toBe(false);
    }
    expect(isGood(challengesWith().challenges, challenge)).toBe(true);
  });

  it.each(kinds)(
    'is good in its only spelling, changed in no character: %s',
    (_kind, make, isGood) => {
      const { challenges } = challengesWith();
      const challenge = make(challenges);
      for (let i = 0; i < challenge.length; i += 1) {
        const other = challenge[i] === 'A' ? 'B' : 'A';
        const changed = challenge.slice(0, i) + other + challenge.slice(i + 1);
        expect([i, isGood(challenges, changed)]).toEqual([i, false]);
      }
      // The unused bits of the last character.
      const twins = [
        ...Buffer.from(
          'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_',
        ),
      ]
        .map((last) => challenge.slice(0, -1) + String.fromCharCode(last))
        .filter((twin) => isGood(challenges, twin));
      expect(twins).toEqual([challenge]);
    },
  );

  it.each(
    kinds.flatMap(([kind, make, isGood]) =>
      rows<(challenge: string) => string>([
        () => '',
        () => '.',
        () => 'x',
        (challenge) => `${challenge} `,
        (challenge) => `${challenge}\n`,
        (challenge) => ` ${challenge}`,
        (challenge) => `${challenge}=`,
        (challenge) => `${challenge}.${challenge}`,
        (challenge) => challenge.slice(0, -1),
        (challenge) => challenge.slice(challenge.indexOf('.')),
        (challenge) => challenge.slice(0, challenge.indexOf('.') + 1),
        (challenge) => challenge.split('.').toReversed().join('.'),
        (challenge) => challenge.replace('.', ''),
        (challenge) => challenge.replace(/.$/, 'é'),
        () => `${'A'.repeat(2_001)}.${'A'.repeat(43)}`,
        () => `${'A'.repeat(100_000)}.`,
        () => `AAAA.${'A'.repeat(43)}`,
      ]).map(([, change], i) => [kind, i, make, isGood, change] as const),
    ),
  )('for a %s is not hostile text %i', (_kind, _i, make, isGood, change) => {
    const { challenges } = challengesWith();
    expect(isGood(challenges, change(make(challenges)))).toBe(false);
  });

  it.each([
    '[]',
    '["now"]',
    '[null]',
    `["${NOW}"]`,
    `[${NOW + TOLERANCE + 1}]`,
    '[-1e999]',
    'not json',
  ])('of a refresh needs a time: %s', (content) => {
    const { challenges } = challengesWith();
    const challenge = sealed(`refresh ${SID}`, content);
    expect(challenges.isForRefresh(SID, challenge)).toBe(false);
  });

  it('of a refresh is what the test above makes', () => {
    const { challenges } = challengesWith();
    const challenge = sealed(`refresh ${SID}`, `[${NOW}]`);
    expect(challenge).toBe(challenges.forRefresh(SID));
  });
});
