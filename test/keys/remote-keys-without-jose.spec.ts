import { Test } from '@nestjs/testing';
import { SessionConfigError, SessionJwtModule } from '../../lib/index.js';
import { remoteKeys } from '../../lib/keys/remote-keys.js';

const JWKS_URI = 'https://issuer.example/.well-known/jwks.json';

/** Jest's way to replace an ES module, which its types do not know. */
interface ModuleMocks {
  unstable_mockModule(name: string, factory: () => unknown): void;
}

(import.meta.jest as unknown as ModuleMocks).unstable_mockModule('jose', () => {
  throw new Error("Cannot find package 'jose'");
});

describe('the keys of another server without the package jose', () => {
  it('cannot be fetched: the error names the option and the package', async () => {
    await expect(remoteKeys(new URL(JWKS_URI), 2)).rejects.toThrow(
      new SessionConfigError([
        "verifyOnly.jwksUri: needs the package 'jose' (npm install jose)",
      ]),
    );
  });

  it('stop the boot', async () => {
    const module = SessionJwtModule.forRoot({
      verifyOnly: { jwksUri: JWKS_URI },
    });
    await expect(
      Test.createTestingModule({ imports: [module] }).compile(),
    ).rejects.toThrow(/verifyOnly\.jwksUri: needs the package 'jose'/);
  });
});
