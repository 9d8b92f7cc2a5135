import { Module, type DynamicModule } from '@nestjs/common';
import {
  METRICS_OPTIONS,
  SessionMetrics,
  type SessionMetricsOptions,
} from './session-metrics.js';

/**
 * Records metrics of the sessions of an application through `@opentelemetry/api`. Import it once, next to
 * `SessionJwtModule`. Start the SDK before the application: without one, nothing is recorded. With `global: false`, provide
 * `SessionMetrics` in a module that imports `SessionJwtModule` instead.
 */
@Module({ providers: [SessionMetrics] })
export class SessionMetricsModule {
  /** Configures where the metrics go. */
  static forRoot(options: SessionMetricsOptions): DynamicModule {
    return {
      module: SessionMetricsModule,
      providers: [{ provide: METRICS_OPTIONS, useValue: options }],
    };
  }
}
