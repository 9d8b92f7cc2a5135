import type { ResolvedSessionJwtOptions } from '../options/resolved-options.js';
import { stopwatchOf, type SessionClock } from '../ports/clock.js';
import { LoaderCalls } from '../session/loading/loader-calls.js';
import { CallMeter } from '../session/model/call-meter.js';
import type { SessionDataLoader } from '../session/model/session-data-loader.js';
import type { SessionMeasures } from '../session/model/session-measures.js';
import { endsSession } from './session-exception.js';

interface Surroundings {
  readonly options: ResolvedSessionJwtOptions;
  readonly clock: SessionClock;
  readonly measures: SessionMeasures;
}

/** One user whose data cannot be loaded does not make the loader look down. */
const FAILURES_UNTIL_DOWN = 5;

/** Adds deadlines and measurements to the application's loader. Returns `undefined` without a loader. */
export function openLoader(
  loader: SessionDataLoader<unknown, unknown> | false | undefined,
  { options, clock, measures }: Surroundings,
): LoaderCalls | undefined {
  return (
    (loader &&
      new LoaderCalls(
        loader,
        options.loader,
        endsSession,
        new CallMeter({
          part: 'loader',
          timeoutSeconds: options.loader.timeoutSeconds,
          failuresUntilDown: FAILURES_UNTIL_DOWN,
          time: stopwatchOf(clock),
          now: () => clock.nowSeconds(),
          measures,
        }),
      )) ||
    undefined
  );
}
