export { SessionHealthIndicator } from './session-health-indicator.js';
