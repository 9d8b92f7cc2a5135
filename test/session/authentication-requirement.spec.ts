import {
  authenticationFaultOf,
  challengeOf,
  readRequirement,
  type RequiredAuthentication,
} from '../../lib/session/authentication-requirement.js';
import type { AuthenticationClaims } from '../../lib/tokens/session-claims.js';

const NOW = 1_893_456_000;
const TOLERANCE = 5;
const ANY: RequiredAuthentication = {
  maxAgeSeconds: undefined,
  acr: undefined,
  amr: undefined,
};

describe('a proof of who the user is', () => {
  const aged = (seconds: number) => ({ auth_time: NOW - seconds });
  const minutes = { maxAgeSeconds: 600 };
  const gold = { acr: ['gold'] };
  const either = { acr: ['gold', 'silver'] };
  const both = { amr: ['pwd', 'otp'] };

  it.each<
    [
      what: string,
      required: Partial<RequiredAuthentication>,
      proof: Partial<AuthenticationClaims>,
      fault: ReturnType<typeof authenticationFaultOf>,
    ]
  >([
    ['of now', minutes, aged(0), undefined],
    ['a second younger than allowed', minutes, aged(599), undefined],
    ['of exactly the allowed age', minutes, aged(600), undefined],
    ['a second older', minutes, aged(601), 'age'],
    ['of the beginning of time', minutes, { auth_time: 1 }, 'age'],
    ['ahead within the tolerance', minutes, aged(-5), undefined],
    ['ahead by a second more', minutes, aged(-6), 'age'],
    [
      'ahead where the age does not matter',
      gold,
      { ...aged(-6), acr: 'gold' },
      undefined,
    ],
    ['a second old, of one allowed', { maxAgeSeconds: 1 }, aged(1), undefined],
    ['two seconds old, of one allowed', { maxAgeSeconds: 1 }, aged(2), 'age'],
    ['with the class', gold, { acr: 'gold' }, undefined],
    ['with another class', gold, { acr: 'silver' }, 'acr'],
    ['with the class in other letters', gold, { acr: 'Gold' }, 'acr'],
    ['with more than the class', gold, { acr: 'gold gold' }, 'acr'],
    ['without a class', gold, {}, 'acr'],
    ['with the first of two classes', either, { acr: 'gold' }, undefined],
    ['with the second of two classes', either, { acr: 'silver' }, undefined],
    ['with neither of two classes', either, { acr: 'bronze' }, 'acr'],
    ['with the class as a method', gold, { amr: ['gold'] }, 'acr'],
    ['with both methods', both, { amr: ['pwd', 'otp'] }, undefined],
    [
      'with both methods, turned round',
      both,
      { amr: ['otp', 'pwd'] },
      undefined,
    ],
    ['with more methods', both, { amr: ['hwk', 'otp', 'pwd'] }, undefined],
    ['with one of both methods', both, { amr: ['pwd'] }, 'amr'],
    ['without methods', both, {}, 'amr'],
    ['with both methods in one text', both, { amr: ['pwd otp'] }, 'amr'],
    [
      'with everything but the age',
      { ...minutes, ...gold, ...both },
      { ...aged(601), acr: 'gold', amr: ['pwd', 'otp'] },
      'age',
    ],
    [
      'with everything but the class',
      { ...minutes, ...gold, ...both },
      { amr: ['pwd', 'otp'] },
      'acr',
    ],
    [
      'with everything but the methods',
      { ...minutes, ...gold, ...both },
      { acr: 'gold' },
      'amr',
    ],
    [
      'with everything',
      { ...minutes, ...gold, ...both },
      { acr: 'gold', amr: ['pwd', 'otp'] },
      undefined,
    ],
  ])('%s', (_what, required, proof, fault) => {
    expect(
      authenticationFaultOf(
        { ...ANY, ...required },
        { auth_time: NOW, ...proof },
        TOLERANCE,
        NOW,
      ),
    ).toBe(fault);
  });
});

describe('a requirement', () => {
  it.each<[given: unknown, required: Partial<RequiredAuthentication>]>([
    [{ maxAge: '10m' }, { maxAgeSeconds: 600 }],
    [{ maxAge: 1 }, { maxAgeSeconds: 1 }],
    [{ acr: 'gold' }, { acr: ['gold'] }],
    [{ acr: ['gold', 'silver'] }, { acr: ['gold', 'silver'] }],
    [{ amr: ['pwd'] }, { amr: ['pwd'] }],
    [
      { maxAge: '1h', acr: '1', amr: ['otp'] },
      { maxAgeSeconds: 3600, acr: ['1'], amr: ['otp'] },
    ],
  ])('%j is read', (given, required) => {
    expect(readRequirement(given)).toEqual({
      required: { ...ANY, ...required },
      faults: [],
    });
  });

  it.each<[given: unknown, fault: string]>([
    [undefined, 'options: expected an object, got null'],
    ['10m', 'options: expected an object, got string'],
    [[], 'options: expected an object, got an array'],
    [{}, 'options: expected maxAge, acr or amr'],
    [{ maxAge: undefined }, 'options: expected maxAge, acr or amr'],
    [{ maxAge: 0 }, 'maxAge: expected whole seconds from 1 to'],
    [{ maxAge: -1 }, 'maxAge: '],
    [{ maxAge: 1.5 }, 'maxAge: '],
    [{ maxAge: '900' }, 'maxAge: '],
    [{ maxAge: NaN }, 'maxAge: '],
    [{ maxAge: '500d' }, 'maxAge: '],
    [{ maxAge: null }, 'maxAge: '],
    [{ acr: '' }, 'acr: expected 1 to 16 values without spaces'],
    [{ acr: 'a b' }, 'acr: '],
    [{ acr: [] }, 'acr: '],
    [{ acr: ['a', 1] }, 'acr: '],
    [{ acr: 'a"' }, 'acr: '],
    [{ acr: 'a\r\nb' }, 'acr: '],
    [{ acr: null }, 'acr: '],
    [{ amr: 'pwd' }, 'amr: expected an array of 1 to 16 values'],
    [{ amr: [] }, 'amr: '],
    [{ amr: ['\u0000'] }, 'amr: '],
    [{ maxage: '10m' }, 'maxage: unknown option'],
  ])('%j is refused', (given, fault) => {
    expect(readRequirement(given).faults[0]).toContain(fault);
  });
});

describe('the challenge of several requirements', () => {
  const acr = (...values: string[]) => ({ ...ANY, acr: values });
  const age = (maxAgeSeconds: number) => ({ ...ANY, maxAgeSeconds });

  it.each<[string, RequiredAuthentication[], object]>([
    ['has nothing for methods', [{ ...ANY, amr: ['otp'] }], {}],
    ['has the only age', [age(600), ANY], { maxAge: 600 }],
    ['has the shortest age', [age(600), age(60)], { maxAge: 60 }],
    ['has the classes', [acr('a', 'b')], { acrValues: ['a', 'b'] }],
    [
      'has the classes that all allow',
      [acr('a', 'b', 'c'), acr('c', 'b')],
      { acrValues: ['b', 'c'] },
    ],
    [
      'has the first classes if they exclude each other',
      [acr('a'), acr('b')],
      { acrValues: ['a'] },
    ],
    [
      'has both',
      [{ ...age(60), acr: ['a'] }],
      { maxAge: 60, acrValues: ['a'] },
    ],
  ])('%s', (_what, requirements, challenge) => {
    expect(challengeOf(requirements)).toEqual(challenge);
  });
});
