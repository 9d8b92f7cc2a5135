import { CallMeter } from '../../lib/session/model/call-meter.js';
import {
  SessionMeasures,
  type CallListener,
} from '../../lib/session/model/session-measures.js';

const TIMEOUT = 1;
const START = 1_000;

function createMeter(failuresUntilDown = 1) {
  const state = { seconds: 0 };
  const measures = new SessionMeasures();
  const meter = new CallMeter({
    part: 'store',
    timeoutSeconds: TIMEOUT,
    failuresUntilDown,
    time: () => state.seconds,
    now: () => START + Math.floor(state.seconds),
    measures,
  });
  /** One call: how long it takes, and whether it fails. */
  const call = (seconds: number, end: 'ok' | 'error' | 'timeout' = 'ok') => {
    const sentAt = meter.start();
    state.seconds += seconds;
    if (end === 'ok') meter.answered('read', sentAt);
    else if (end === 'error') meter.failed('read', end, sentAt);
    else meter.failed('read', end, sentAt, 'timeout');
  };
  return { meter, measures, state, call };
}

const times = <T>(count: number, value: T): T[] =>
  Array.from({ length: count }, () => value);

describe('CallMeter', () => {
  it.each([
    ['before the first call', [], 'up'],
    ['after quick answers', times(20, 0.05), 'up'],
    ['after one slow answer among quick ones', [...times(9, 0.01), 0.99], 'up'],
    ['after a few slow answers', times(5, 0.9), 'up'],
    ['after many slow answers', times(8, 0.9), 'slow'],
    ['of answers that take half of the timeout', times(50, 0.5), 'up'],
    ['of answers that take a little more', times(50, 0.52), 'slow'],
    [
      'when it has become a little quicker',
      [...times(20, 0.9), ...times(30, 0.3)],
      'slow',
    ],
    ['when it is quick again', [...times(20, 0.9), ...times(20, 0.01)], 'up'],
  ] as const)('%s: %p gives %s', (_, durations, expected) => {
    const { meter, call } = createMeter();
    for (const seconds of durations) call(seconds);
    expect(meter.state).toBe(expected);
  });

  it.each([
    [1, 0, 'up'],
    [1, 1, 'down'],
    [5, 4, 'up'],
    [5, 5, 'down'],
  ] as const)(
    'with %i failures allowed, %i errors in a row give %s; an answer ends that',
    (allowed, errors, expected) => {
      const { meter, call } = createMeter(allowed);
      call(0);
      for (let i = 0; i < errors; i += 1) call(0, 'error');
      expect(meter.state).toBe(expected);
      expect(meter.isFailing).toBe(errors > 0);
      call(0);
      expect(meter.state).toBe('up');
      expect(meter.isFailing).toBe(false);
    },
  );

  it('knows since when it is in a state, and the last failure after its end', () => {
    const { meter, call, state } = createMeter();
    expect(meter.since).toBe(START);
    call(2);
    state.seconds = 10;
    call(0, 'error');
    state.seconds = 20;
    meter.failed('read', 'not sent');
    expect(meter.since).toBe(START + 10);
    state.seconds = 30;
    call(0);
    expect(meter.since).toBe(START + 30);
    expect(meter.lastFailure).toEqual({ error: 'not sent', at: START + 20 });
  });

  it('is down rather than slow, and slow after an outage of timeouts', () => {
    const { meter, call } = createMeter();
    for (let i = 0; i < 10; i += 1) call(TIMEOUT, 'timeout');
    expect(meter.state).toBe('down');
    call(0.01);
    expect(meter.state).toBe('slow');
  });

  it('passes on the calls that were sent, with their times', () => {
    const { meter, measures, call } = createMeter();
    const calls: Parameters<CallListener>[] = [];
    call(0.5);
    measures.onCall = (...each) => calls.push(each);
    call(0.25);
    call(0.5, 'error');
    call(1, 'timeout');
    meter.failed('read', new Error('not sent'));
    expect(calls).toEqual([
      ['store', 'read', 'answered', 0.25],
      ['store', 'read', 'failed', 0.5],
      ['store', 'read', 'timeout', 1],
    ]);
  });

  it('measures nothing negative when a clock goes back', () => {
    const { meter, call } = createMeter();
    call(-5);
    expect(meter.averageSeconds).toBe(0);
  });
});
