/** What an application could write itself with only node:crypto: the floor that the library is compared with. */
import {
  createHmac,
  createSecretKey,
  sign,
  timingSafeEqual,
  verify,
} from 'node:crypto';

const encode = (value) =>
  Buffer.from(JSON.stringify(value)).toString('base64url');
const decode = (segment) =>
  JSON.parse(Buffer.from(segment, 'base64url').toString());

/** Signs and verifies with a secret. */
export function hmacTokens(secret) {
  const key = createSecretKey(Buffer.from(secret));
  const macOf = (content) => createHmac('sha256', key).update(content);
  const header = encode({ alg: 'HS256', typ: 'JWT' });
  return {
    sign(claims) {
      const content = `${header}.${encode(claims)}`;
      return `${content}.${macOf(content).digest('base64url')}`;
    },
    verify(token) {
      const end = token.lastIndexOf('.');
      const mac = macOf(token.slice(0, end)).digest();
      const given = Buffer.from(token.slice(end + 1), 'base64url');
      if (given.length !== mac.length || !timingSafeEqual(mac, given)) {
        throw new Error('signature');
      }
      return decode(token.slice(token.indexOf('.') + 1, end));
    },
  };
}

/** Signs and verifies with a key pair, for `ES256` and `EdDSA`. */
export function pairTokens(algorithm, { privateKey, publicKey }) {
  const isElliptic = algorithm === 'ES256';
  const hash = isElliptic ? 'sha256' : null;
  const optionsOf = (key) =>
    isElliptic ? { key, dsaEncoding: 'ieee-p1363' } : key;
  const signing = optionsOf(privateKey);
  const verifying = optionsOf(publicKey);
  const header = encode({ alg: algorithm, typ: 'JWT' });
  return {
    sign(claims) {
      const content = `${header}.${encode(claims)}`;
      const signature = sign(hash, Buffer.from(content), signing);
      return `${content}.${signature.toString('base64url')}`;
    },
    verify(token) {
      const end = token.lastIndexOf('.');
      const content = Buffer.from(token.slice(0, end));
      const signature = Buffer.from(token.slice(end + 1), 'base64url');
      if (!verify(hash, content, verifying, signature)) {
        throw new Error('signature');
      }
      return decode(token.slice(token.indexOf('.') + 1, end));
    },
  };
}

/** The value of one cookie. */
export function readCookie(header, name) {
  const prefix = `${name}=`;
  let at = header.indexOf(prefix);
  while (at > 0 && header.charCodeAt(at - 1) !== 32) {
    at = header.indexOf(prefix, at + 1);
  }
  if (at === -1) {
    return undefined;
  }
  const start = at + prefix.length;
  const end = header.indexOf(';', start);
  return header.slice(start, end === -1 ? header.length : end);
}
