import type { SessionEvent } from '../../lib/session/model/session-event.js';
import { SessionEvents } from '../../lib/session/model/session-events.js';
import { StoreHealth } from '../../lib/session/records/store-health.js';

function start() {
  const state = { seconds: 0 };
  const events: SessionEvent[] = [];
  const stream = new SessionEvents(() => 0);
  stream.stream.subscribe((event) => events.push(event));
  const health = new StoreHealth(stream, () => state.seconds);
  return { state, events, health };
}

describe('StoreHealth', () => {
  it('reports nothing of a store that never failed', () => {
    const { events, health } = start();
    health.answered();
    expect(events).toEqual([]);
  });

  it('reports at the first answer how long the store was away, once for each outage', () => {
    const { state, events, health } = start();
    for (const awaySeconds of [60.25, 3]) {
      events.length = 0;
      health.failed('read', new Error('down'));
      state.seconds += awaySeconds - 1;
      health.failed('rotate', new Error('down'));
      state.seconds += 1;
      health.answered();
      health.answered();
      expect(events).toMatchObject([
        { type: 'storeFailed', operation: 'read' },
        { type: 'storeFailed', operation: 'rotate' },
        { type: 'storeRecovered', awaySeconds },
      ]);
    }
  });
});
