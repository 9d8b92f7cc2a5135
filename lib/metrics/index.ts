/**
 * Metrics for OpenTelemetry.
 *
 * @module nestjs-session-jwt/metrics
 */
export {
  SessionMetrics,
  type SessionMetricsOptions,
} from './session-metrics.js';
export { SessionMetricsModule } from './session-metrics.module.js';
