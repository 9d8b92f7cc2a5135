import { createHash, timingSafeEqual } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { CanActivate, ExecutionContext } from '@nestjs/common';

/**
 * Lets whoever knows `OPERATOR_KEY` change keys, and nobody where it is not set. A session would be the wrong
 * proof here: with a leaked key anybody can make one.
 */
@Injectable()
export class OperatorGuard implements CanActivate {
  canActivate(context: ExecutionContext): boolean {
    const { headers } = context.switchToHttp().getRequest<{
      headers: Record<string, string | undefined>;
    }>();
    const expected = process.env.OPERATOR_KEY;
    const given = headers['x-operator-key'];
    return (
      Boolean(expected) &&
      given !== undefined &&
      timingSafeEqual(digest(given), digest(expected!))
    );
  }
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
