import {
  readEntry,
  realmOf,
  writeEntry,
  type ProofOfLife,
  type Revocation,
} from '../../lib/session/revocations/revocation.js';

const REALM = realmOf('issuer', 'audience');

const KNOWN: readonly (Revocation | ProofOfLife)[] = [
  { kind: 'session', sid: 's', sub: 'ada', at: 1, until: 2, how: 'ended' },
  { kind: 'session', sid: 's', sub: 'ada', at: 1, until: 2, how: 'replaced' },
  { kind: 'subject', sub: 'ada', at: 1, until: 2 },
  { kind: 'subject', sub: 'ada', at: 1, until: 2, except: 's' },
  { kind: 'everything', at: 1, until: 2 },
  { kind: 'proof', id: 'p', retentionSeconds: 900 },
  {
    kind: 'proof',
    id: 'p',
    retentionSeconds: 900,
    everything: { at: 1, until: 2 },
  },
];

describe('an entry of the log', () => {
  it.each(KNOWN)('is read as it was written: %j', (entry) => {
    expect(readEntry(REALM, writeEntry(REALM, entry))).toMatchObject(entry);
  });

  it.each(KNOWN)(
    'of another application is no entry of this one: %j',
    (entry) => {
      for (const realm of [
        realmOf('issuer', 'other'),
        realmOf('other', 'audience'),
        realmOf('issuer audience', ''),
      ]) {
        expect(readEntry(REALM, writeEntry(realm, entry))).toBeUndefined();
      }
    },
  );

  it.each(KNOWN)(
    'of a newer version says until when it matters: %j',
    (entry) => {
      const text = JSON.stringify({ v: 2, realm: REALM, ...entry });
      expect(readEntry(REALM, text)).toEqual({
        kind: 'unreadable',
        until: 'until' in entry ? 2 : undefined,
      });
    },
  );

  const SESSION = { v: 1, realm: REALM, ...KNOWN[0]! };
  const SUBJECT = { v: 1, realm: REALM, ...KNOWN[2]! };
  const PROOF = { v: 1, realm: REALM, ...KNOWN[5]! };

  it.each([
    ['an unknown kind', { ...SESSION, kind: 'tenant' }],
    ['no kind', { ...SESSION, kind: undefined }],
    ['no version', { ...SESSION, v: undefined }],
    ['a version as text', { ...SESSION, v: '1' }],
    ['no realm', { ...SESSION, realm: undefined }],
    ['a realm that is no text', { ...SESSION, realm: 5 }],
    ['no session', { ...SESSION, sid: '' }],
    ['a session that is no text', { ...SESSION, sid: ['s'] }],
    ['no subject', { ...SESSION, sub: '' }],
    ['a subject that is too long', { ...SUBJECT, sub: 'x'.repeat(256) }],
    ['a subject that is no text', { ...SUBJECT, sub: 5 }],
    ['an end of another kind', { ...SESSION, how: 'gone' }],
    ['no time', { ...SUBJECT, at: undefined }],
    ['a time that is no whole number', { ...SUBJECT, at: 1.5 }],
    ['a time before all others', { ...SUBJECT, at: -1 }],
    ['a time as text', { ...SUBJECT, until: '2' }],
    ['an exception that is no text', { ...SUBJECT, except: 5 }],
    ['a proof without a name', { ...PROOF, id: '' }],
    ['a proof without a retention', { ...PROOF, retentionSeconds: null }],
    ['a proof of nonsense', { ...PROOF, everything: { at: 1 } }],
    ['a proof of nothing', { ...PROOF, everything: null }],
  ])('with %s cannot be read', (_what, entry) => {
    expect(readEntry(REALM, JSON.stringify(entry))).toMatchObject({
      kind: 'unreadable',
    });
  });

  it.each([
    ['', 'nothing'],
    ['null', 'nothing'],
    ['5', 'a number'],
    ['[]', 'a list'],
    ['{', 'half of an object'],
    [`"${'x'.repeat(5_000)}"`, 'too much'],
    [undefined, 'no text'],
    [5, 'no text'],
    [{ kind: 'everything' }, 'no text'],
  ])('%j (%s) cannot be read', (text, _what) => {
    expect(readEntry(REALM, text)).toEqual({
      kind: 'unreadable',
      until: undefined,
    });
  });

  it('cannot reach what all objects share', () => {
    const text = `{"v":1,"realm":"${REALM}","kind":"everything","at":1,"until":2,"__proto__":{"polluted":1}}`;
    expect(readEntry(REALM, text)).toMatchObject({ kind: 'everything' });
    expect(({} as { polluted?: number }).polluted).toBeUndefined();
  });
});
