import { generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';

export interface Certificate {
  /** Both in PEM. */
  readonly key: string;
  readonly cert: string;
}

const DAY = 24 * 60 * 60 * 1000;

/**
 * Returns the certificate in the files `TLS_KEY` and `TLS_CERT`, such as one by mkcert; otherwise a new one, which browsers warn of.
 */
export function readCertificate(host: string): Certificate {
  const { TLS_KEY, TLS_CERT } = process.env;
  return TLS_KEY !== undefined && TLS_CERT !== undefined
    ? {
        key: readFileSync(TLS_KEY, 'utf8'),
        cert: readFileSync(TLS_CERT, 'utf8'),
      }
    : selfSigned(host);
}

/** Creates a key, and a certificate for it that only this key has signed (RFC 5280, section 4.1). */
export function selfSigned(host: string): Certificate {
  const { publicKey, privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
  });
  const ecdsaWithSha256 = sequence(
    der(0x06, Buffer.from('2a8648ce3d040302', 'hex')),
  );
  const commonName = sequence(
    der(
      0x31,
      sequence(
        der(0x06, Buffer.from('550403', 'hex')),
        der(0x0c, Buffer.from(host)),
      ),
    ),
  );
  const content = sequence(
    der(0x02, Buffer.from([1])),
    ecdsaWithSha256,
    commonName,
    sequence(time(Date.now() - DAY), time(Date.now() + DAY)),
    commonName,
    publicKey.export({ type: 'spki', format: 'der' }),
  );
  const signed = sequence(
    content,
    ecdsaWithSha256,
    der(0x03, Buffer.from([0]), sign('sha256', content, privateKey)),
  );
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    cert: `-----BEGIN CERTIFICATE-----\n${signed.toString('base64')}\n-----END CERTIFICATE-----\n`,
  };
}

function time(milliseconds: number): Buffer {
  const digits = new Date(milliseconds)
    .toISOString()
    .slice(2, 19)
    .replace(/\D/g, '');
  return der(0x17, Buffer.from(`${digits}Z`));
}

function sequence(...content: Buffer[]): Buffer {
  return der(0x30, ...content);
}

function der(tag: number, ...content: Buffer[]): Buffer {
  const body = Buffer.concat(content);
  const { length } = body;
  const head =
    length < 0x80
      ? [length]
      : length < 0x100
        ? [0x81, length]
        : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...head]), body]);
}
