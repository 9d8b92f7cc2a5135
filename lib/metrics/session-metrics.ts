import {
  Inject,
  Injectable,
  Optional,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import { metrics, type MeterProvider } from '@opentelemetry/api';
import { SessionHealth } from '../nest/session-health.js';
import {
  SESSION_RUNTIME,
  type SessionRuntime,
} from '../nest/session-runtime.js';
import { EventCounts } from './event-counts.js';
import { observe } from './observed-metrics.js';
import { recordCalls } from './recorded-calls.js';

/** The injection token of {@link SessionMetricsOptions}. @internal */
export const METRICS_OPTIONS = Symbol('nestjs-session-jwt:metrics-options');

/** Where metrics go. */
export interface SessionMetricsOptions {
  /**
   * Creates the instruments.
   *
   * @default the global provider, as it is when the module is initialised
   */
  readonly meterProvider?: MeterProvider;
}

/**
 * Records metrics of sessions for as long as the application runs. Most are plain numbers of the library that are read
 * when metrics are collected; only calls of store, log and loader are recorded as they happen.
 */
@Injectable()
export class SessionMetrics implements OnModuleInit, OnApplicationShutdown {
  #stop: (() => void) | undefined;

  /** @internal */
  constructor(
    @Inject(SESSION_RUNTIME) private readonly runtime: SessionRuntime,
    @Inject(SessionHealth) private readonly health: SessionHealth,
    @Optional()
    @Inject(METRICS_OPTIONS)
    private readonly options: SessionMetricsOptions = {},
  ) {}

  /** Called by Nest. Starts recording. */
  onModuleInit(): void {
    const { meterProvider = metrics } = this.options;
    const meter = meterProvider.getMeter('nestjs-session-jwt');
    const counts = new EventCounts(this.runtime);
    const ends = [
      recordCalls(meter, this.runtime),
      observe(meter, { runtime: this.runtime, health: this.health, counts }),
      () => counts.stop(),
    ];
    this.#stop = () => {
      for (const end of ends) end();
    };
  }

  /** Called by Nest. Stops recording. */
  onApplicationShutdown(): void {
    this.#stop?.();
  }
}
