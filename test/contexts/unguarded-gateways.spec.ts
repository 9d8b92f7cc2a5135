import { Injectable, UseGuards, type Type } from '@nestjs/common';
import { SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import { Public, SessionGuard } from '../../lib/index.js';
import {
  runsGuardsForGateways,
  UnguardedGateways,
  unguardedHandlersOf,
} from '../../lib/nest/contexts/unguarded-gateways.js';
import { boot, closeBooted } from '../support/nest-app.js';
import { CapturedLogs } from '../support/captured-logs.js';
import { SECRET } from '../support/secrets.js';
import { SessionJwtModule } from '../../lib/index.js';
import { socketAdapter } from './gateway-app.js';

@WebSocketGateway()
class OpenGateway {
  @SubscribeMessage('a') a() {}

  @SubscribeMessage('b') b() {}

  helper() {}
}

@UseGuards(SessionGuard)
@WebSocketGateway()
class GuardedGateway extends OpenGateway {}

@Injectable()
class OwnGuard extends SessionGuard {}

@UseGuards(OwnGuard)
@WebSocketGateway()
class OwnGuardedGateway extends OpenGateway {}

@Public()
@WebSocketGateway()
class PublicGateway extends OpenGateway {}

@Public()
@WebSocketGateway()
class HalfPublicGateway {
  @SubscribeMessage('a') a() {}

  @Public(false)
  @SubscribeMessage('b')
  b() {}

  @Public(false)
  @UseGuards(SessionGuard)
  @SubscribeMessage('c')
  c() {}
}

@WebSocketGateway()
class InheritingGateway extends OpenGateway {
  @UseGuards(SessionGuard)
  @SubscribeMessage('a')
  override a() {}
}

@WebSocketGateway()
class SilentGateway {}

@Injectable()
class NoGateway {
  @SubscribeMessage('a') a() {}
}

afterEach(closeBooted);

describe('on Nest 11, gateways without a guard', () => {
  it.each<[Type, string[]]>([
    [OpenGateway, ['a', 'b']],
    [GuardedGateway, []],
    [OwnGuardedGateway, []],
    [PublicGateway, []],
    [HalfPublicGateway, ['b']],
    [InheritingGateway, ['b']],
    [SilentGateway, []],
    [NoGateway, []],
  ])('%p are found by their handlers', (gateway, expected) => {
    expect(unguardedHandlersOf(gateway)).toEqual(expected);
  });

  it('are named in one warning', async () => {
    const logs = new CapturedLogs();
    const app = await boot(
      {
        imports: [
          SessionJwtModule.forRoot({ secret: SECRET, dataLoader: false }),
        ],
        providers: [OpenGateway, HalfPublicGateway, GuardedGateway],
      },
      {
        logger: logs,
        configure: (nest) =>
          nest.useWebSocketAdapter(socketAdapter(nest, 'ws')),
      },
    );
    const warnings = (): string[] => logs.matching('global guard', 'warn');
    expect(warnings()).toHaveLength(runsGuardsForGateways() ? 0 : 1);
    app.get(UnguardedGateways).warn();
    app.get(UnguardedGateways).warn();
    expect(warnings()).toEqual([
      expect.stringContaining(
        'Nest 11 runs no global guard for gateways, so these handle messages without a session: OpenGateway (a, b); HalfPublicGateway (b). Add @UseGuards(SessionGuard), or @Public() if that is intended.',
      ),
    ]);
  });

  it('concern no application whose guard is applied where it is wanted', async () => {
    const app = await boot({
      imports: [
        SessionJwtModule.forRoot({
          secret: SECRET,
          dataLoader: false,
          guard: false,
        }),
      ],
    });
    expect(() => app.get(UnguardedGateways)).toThrow(UnguardedGateways.name);
  });
});
