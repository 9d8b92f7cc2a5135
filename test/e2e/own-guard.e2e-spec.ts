import {
  Controller,
  ForbiddenException,
  Get,
  Inject,
  Injectable,
  Module,
  SetMetadata,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
} from '@nestjs/common';
import { APP_GUARD, Reflector } from '@nestjs/core';
import { SessionService } from '../../lib/index.js';
import { bothAdapters as adapters, startTestApp } from '../support/test-app.js';

const Roles = (...roles: string[]) => SetMetadata('roles', roles);

/** Asks for the session itself, so that it may run before the session guard too. */
@Injectable()
class RolesGuard implements CanActivate {
  constructor(
    @Inject(Reflector) private readonly reflector: Reflector,
    @Inject(SessionService) private readonly sessions: SessionService,
  ) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const targets = [context.getHandler(), context.getClass()];
    const roles = this.reflector.getAllAndOverride<string[]>('roles', targets);
    if (!roles) return true;
    const http = context.switchToHttp();
    const session = await this.sessions.authenticate(http.getRequest(), {
      response: http.getResponse(),
    });
    if (session && !roles.includes(session.data.role)) {
      throw new ForbiddenException();
    }
    return true;
  }
}

@Controller('admin')
class AdminController {
  @Get()
  @Roles('admin')
  index() {
    return 'secret';
  }

  @Get('local')
  @UseGuards(RolesGuard)
  @Roles('admin')
  local() {
    return 'secret';
  }
}

@Module({
  controllers: [AdminController],
  providers: [{ provide: APP_GUARD, useClass: RolesGuard }, RolesGuard],
})
class AdminModule {}

describe.each(adapters)('a guard of the application on %s', (adapter) => {
  it('decides by the session, before or after the session guard, with one verdict and one reload', async () => {
    const app = await startTestApp(adapter, { imports: [AdminModule] });
    const ada = await app.signIn('ada');
    const bob = await app.signIn('bob');
    for (const path of ['/admin', '/admin/local']) {
      expect((await ada.get(path)).status).toBe(200);
      expect((await bob.get(path)).status).toBe(403);
      expect((await app.browser().get(path)).status).toBe(401);
    }
    app.users.all.get('bob')!.role = 'admin';
    app.clock.advance('15m');
    const promoted = await bob.get('/admin');
    expect(promoted.status).toBe(200);
    expect(promoted.setCookie).toHaveLength(1);
    expect(promoted.headers['vary']).toBe('Cookie');
    expect(app.users.loads).toHaveLength(3);
    await app.close();
  });
});
