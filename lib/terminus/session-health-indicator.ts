import { Inject, Injectable } from '@nestjs/common';
import {
  HealthIndicatorService,
  type HealthIndicatorResult,
} from '@nestjs/terminus';
import { SessionHealth } from '../nest/session-health.js';
import type { SessionPartHealth } from '../session/session-health-report.js';

const PARTS = ['store', 'revocations', 'loader', 'keys'] as const;

/**
 * Whether this process can serve requests with sessions, for `HealthCheckService` of `@nestjs/terminus`. Provide it in a
 * module that imports `TerminusModule`:
 *
 * ```ts
 * health.check([() => sessionIndicator.isHealthy()])
 * ```
 */
@Injectable()
export class SessionHealthIndicator {
  constructor(
    @Inject(SessionHealth) private readonly health: SessionHealth,
    @Inject(HealthIndicatorService)
    private readonly indicators: HealthIndicatorService,
  ) {}

  /**
   * Reads from the store, unless it has just answered, and reports `down` if this process cannot serve requests
   * (`SessionHealthReport.isServing`). Otherwise it reports `up` or, since terminus 12.1, `degraded` while a part is
   * slow, lagging or down. The details contain no error messages, since health routes are often public;
   * `SessionHealth.check()` does.
   *
   * @param key the name of the result
   */
  async isHealthy<const Key extends string = 'session'>(
    key: Key = 'session' as Key,
  ): Promise<HealthIndicatorResult<Key>> {
    const report = await this.health.probe();
    const details: Record<string, unknown> = { state: report.state };
    for (const name of PARTS) {
      const part = report[name];
      if (part) details[name] = withoutError(part);
    }
    const indicator = this.indicators.check(key);
    if (!report.isServing) {
      return indicator.down(details);
    }
    // Not before version 12.1 of terminus.
    return report.state !== 'up' && 'degraded' in indicator
      ? indicator.degraded(details)
      : indicator.up(details);
  }
}

/** JSON leaves out what is `undefined`. */
function withoutError(part: SessionPartHealth): object {
  return { ...part, lastError: undefined };
}
