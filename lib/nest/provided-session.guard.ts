import {
  Inject,
  Injectable,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { SessionGuard } from './session.guard.js';

/**
 * The guard that the module provides, for a controller of its own: where there are several session modules the
 * session of this one counts, and a test that replaces the provider replaces this too.
 */
@Injectable()
export class ProvidedSessionGuard implements CanActivate {
  constructor(@Inject(SessionGuard) private readonly guard: SessionGuard) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    return this.guard.canActivate(context);
  }
}
