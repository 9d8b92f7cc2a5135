import { MemoryRevocationLog } from '../../lib/stores/memory-revocation-log.js';
import { describeRevocationLog } from '../../lib/testing/describe-revocation-log.js';
import { TestSessionClock } from '../../lib/testing/test-session-clock.js';

describeRevocationLog('MemoryRevocationLog', () => {
  const log = new MemoryRevocationLog();
  const clock = new TestSessionClock();
  log.useClock(clock);
  return { log, advance: (seconds) => clock.advance(seconds) };
});
