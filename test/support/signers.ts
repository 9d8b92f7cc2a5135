import type { TokenKey } from '../../lib/keys/token-key.js';
import { JwtServiceSigner } from '../../lib/nest/jwt-service-signer.js';
import { CryptoSigner } from '../../lib/tokens/crypto-signer.js';
import type { TokenSigner } from '../../lib/tokens/token-signer.js';

const byJwtService = new JwtServiceSigner();

/** What signs the tokens of an application. */
export const SIGNER: TokenSigner = new CryptoSigner(byJwtService);

/** Who may sign instead of it: `@nestjs/jwt` wherever it knows the algorithm. */
const OTHER_SIGNER: TokenSigner = {
  sign: (claims, header, key) =>
    signerOf(key.algorithm).sign(claims, header, key),
  verify: (token, key) => signerOf(key.algorithm).verify(token, key),
};

/** Whether a signature is good: what both say, for they must agree on every token. */
export function isSignedWith(token: string, key: TokenKey): boolean {
  const [verdict, other] = [SIGNER, OTHER_SIGNER].map((signer) => {
    try {
      return signer.verify(token, key);
    } catch {
      return false;
    }
  });
  if (verdict === undefined || verdict !== other) {
    throw new Error(
      `${key.algorithm}: node:crypto says ${verdict}, @nestjs/jwt ${other}`,
    );
  }
  return verdict;
}

function signerOf(algorithm: string): TokenSigner {
  return algorithm === 'EdDSA' ? SIGNER : byJwtService;
}
