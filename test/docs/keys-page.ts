import { readPage } from './snippets/page.js';

/** The text of the page. */
export const page = readPage('docs/keys.md');

/** Its code, by language. */
export const blocks = [...page.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].map(
  ([, fence, code]) => ({ fence: fence!, code: code! }),
);

const DOCUMENTED_ORIGIN = 'https://auth.example';

/** What the blocks take for granted. */
export const APPLICATION = `import { createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { MemorySessionStore, SessionDataLoader, type SessionKey } from 'nestjs-session-jwt';

const newSecret_ = () => randomBytes(32).toString('base64url');
const newKey_ = () => generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;

export const [secret, oldSecret, newSecret, derivedSecret, encryptionKey] = [newSecret_(), newSecret_(), newSecret_(), newSecret_(), newSecret_()];
export const [oldKey, newKey] = [newKey_(), newKey_()];
export const publicKey = createPublicKey(oldKey).export({ type: 'spki', format: 'pem' }) as string;
export const issuer = 'shop';
export const store = new MemorySessionStore();

type State = NonNullable<SessionKey['state']>;
export const vault = {
  stored: [{ pem: oldKey, state: 'active' as State }],
  failure: undefined as Error | undefined,
  async read(_name: string, _options: { signal: AbortSignal }) {
    if (vault.failure) throw vault.failure;
    return vault.stored;
  },
};

export class UserSessionLoader extends SessionDataLoader<string, { id: string; name: string }> {
  load(id: string) { return { id, name: 'Ada Lovelace' }; }
}
`;

const IMPORTS = `import type { INestApplication } from '@nestjs/common';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { SessionJwtModule } from 'nestjs-session-jwt';
import type { SessionJwtModuleOptions, SessionKey, SessionService } from 'nestjs-session-jwt';
import { derivedSecret, encryptionKey, issuer, newKey, newSecret, oldKey, oldSecret, publicKey, secret, store, UserSessionLoader, vault } from './application.ts';
`;

/** One module of all blocks, in which the auth server is where it really is. */
export function moduleAt(origin = DOCUMENTED_ORIGIN): string {
  const code = blocks.flatMap(({ fence, code: each }) =>
    fence === 'ts' ? [each] : [],
  );
  const names = [...code.join('\n').matchAll(/^const (\w+)/gm)].map(
    ([, name]) => name!,
  );
  return `${IMPORTS}\n${code.join('\n').replaceAll(`${DOCUMENTED_ORIGIN}/`, `${origin}/`)}\nexport { ${names.join(', ')} };\n`;
}

/** What the compiler has to notice: an option, a state and an algorithm that do not exist. */
export const broken = moduleAt()
  .replace('keyCache: { maxAge', 'keyCache: { maximumAge')
  .replace("state: 'next'", "state: 'soon'")
  .replace("algorithm: 'ES256', publicKey", "algorithm: 'ES512', publicKey");
