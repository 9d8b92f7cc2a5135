import type {
  SessionJwtModuleOptions,
  SessionKey,
  SessionKeyAlgorithm,
} from '../../lib/index.js';
import { keyPairs } from './key-pairs.js';
import { OTHER_SECRET, SECRET } from './secrets.js';

/** Options of an application without the secret that applications of tests have otherwise. */
export function withoutSecret(
  options: Omit<SessionJwtModuleOptions, 'secret'>,
): Partial<SessionJwtModuleOptions> {
  return { ...options, secret: undefined } as object;
}

/** A pair as an option. */
export function keyOf(
  algorithm: SessionKeyAlgorithm,
  options: Omit<Partial<SessionKey>, 'algorithm'> = {},
): SessionKey {
  const { privateKey } = keyPairs[algorithm];
  return { algorithm, privateKey, ...options };
}

/** What an application protects its tokens with. */
export interface KeyKind {
  readonly session: () => Partial<SessionJwtModuleOptions>;
  /** What the header of a session token says besides its type and the name of its key. */
  readonly header: object;
}

const ENCRYPTED = { alg: 'dir', enc: 'A256GCM' };

const pairs = (algorithm: SessionKeyAlgorithm): KeyKind => ({
  session: () =>
    withoutSecret({ keys: [keyOf(algorithm)], derivedSecret: OTHER_SECRET }),
  header: { alg: algorithm },
});

const kinds: Record<string, KeyKind> = {
  'a secret': { session: () => ({}), header: { alg: 'HS256' } },
  'a secret from a function': {
    session: () => ({ secret: () => Promise.resolve(SECRET) }),
    header: { alg: 'HS256' },
  },
  'an ES256 key': pairs('ES256'),
  'an EdDSA key': pairs('EdDSA'),
  'an RS256 key': pairs('RS256'),
  'a PS256 key': pairs('PS256'),
  'an ES256 key and a secret beside it': {
    session: () => ({ keys: [keyOf('ES256')] }),
    header: { alg: 'ES256' },
  },
  'an EdDSA key from a function': {
    session: () =>
      withoutSecret({
        keys: () => Promise.resolve([keyOf('EdDSA')]),
        derivedSecret: OTHER_SECRET,
      }),
    header: { alg: 'EdDSA' },
  },
  'encryption under the secret': {
    session: () => ({ encrypt: true }),
    header: ENCRYPTED,
  },
  'encryption under a key of its own': {
    session: () => withoutSecret({ encrypt: { key: OTHER_SECRET } }),
    header: ENCRYPTED,
  },
  'encryption under a secret from a function': {
    session: () => ({ encrypt: true, secret: () => SECRET }),
    header: ENCRYPTED,
  },
};

/** For `describe.each(keyKinds)`. */
export const keyKinds = Object.entries(kinds);

/** Those of which nobody but the application can read a token. */
export const encryptedKinds = keyKinds.filter(
  ([, { header }]) => header === ENCRYPTED,
);
