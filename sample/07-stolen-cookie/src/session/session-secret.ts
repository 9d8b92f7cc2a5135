import { randomBytes } from 'node:crypto';
import { Logger } from '@nestjs/common';

/** `SESSION_SECRET`, or a random one that is forgotten when this process ends. Never print either. */
export function readSessionSecret(): string | Buffer {
  const secret = process.env.SESSION_SECRET;
  if (secret !== undefined) {
    return secret;
  }
  new Logger('Sample').warn(
    'SESSION_SECRET is not set: using a random one for this run, so a restart signs everyone out.',
  );
  return randomBytes(32);
}
