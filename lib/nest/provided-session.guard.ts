import {
  Inject,
  Injectable,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { SessionGuard } from './session.guard.js';

/**
 * Applies the guard that the module provides, for the module's controllers. With several session modules, the session
 * of this one counts. A test that replaces the provider replaces this guard as well.
 */
@Injectable()
export class ProvidedSessionGuard implements CanActivate {
  constructor(@Inject(SessionGuard) private readonly guard: SessionGuard) {}

  canActivate(context: ExecutionContext): boolean | Promise<boolean> {
    return this.guard.canActivate(context);
  }
}
