/**
 * A health indicator for `@nestjs/terminus`.
 *
 * @module nestjs-session-jwt/terminus
 */
export { SessionHealthIndicator } from './session-health-indicator.js';
