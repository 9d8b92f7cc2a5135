/** Metrics and health checks, with the packages that they are for: they inject what the main entry point provides. */
import { Controller, Get, Module } from '@nestjs/common';
import {
  HealthCheckService,
  TerminusModule,
  type HealthCheckResult,
} from '@nestjs/terminus';
import { metrics } from '@opentelemetry/api';
import { Public } from 'nestjs-session-jwt';
import { SessionMetricsModule } from 'nestjs-session-jwt/metrics';
import { SessionHealthIndicator } from 'nestjs-session-jwt/terminus';

@Controller('health')
export class HealthController {
  constructor(
    private readonly health: HealthCheckService,
    private readonly sessions: SessionHealthIndicator,
  ) {}

  @Public()
  @Get()
  check(): Promise<HealthCheckResult> {
    return this.health.check([() => this.sessions.isHealthy()]);
  }
}

@Module({
  imports: [
    TerminusModule,
    SessionMetricsModule.forRoot({ meterProvider: metrics }),
  ],
  controllers: [HealthController],
  providers: [SessionHealthIndicator],
})
export class OperationsModule {}
