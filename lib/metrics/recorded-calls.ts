import type { Histogram, Meter } from '@opentelemetry/api';
import type { SessionRuntime } from '../nest/session-runtime.js';
import type { CalledPart } from '../session/model/session-measures.js';

/**
 * Bounds of the buckets in seconds: from a store in the same network to the longest of the default timeouts, 2 s. The
 * default `storeTimeout`, 0.25 s, is one of them.
 */
const BOUNDS = [
  0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2, 5,
];

const DESCRIPTIONS: Readonly<Record<CalledPart, [name: string, text: string]>> =
  {
    store: ['store', 'Duration of calls of the session store'],
    revocations: ['revocation_log', 'Duration of calls of the revocation log'],
    loader: ['loader', 'Duration of calls of the data loader'],
  };

/**
 * Records how long calls of store, log and loader take. Calls that were not sent, because the store is silent, are none.
 * Returns what ends that.
 */
export function recordCalls(
  meter: Meter,
  { measures, options, loader }: SessionRuntime,
): () => void {
  const histograms: Partial<Record<CalledPart, Histogram>> = {
    ...(options.store && { store: createHistogram(meter, 'store') }),
    ...(options.revocations && {
      revocations: createHistogram(meter, 'revocations'),
    }),
    ...(loader && { loader: createHistogram(meter, 'loader') }),
  };
  measures.onCall = (part, operation, end, seconds) =>
    histograms[part]?.record(seconds, {
      'nestjs_session.operation': operation,
      ...(end !== 'answered' && { 'error.type': end }),
    });
  return () => {
    measures.onCall = undefined;
  };
}

function createHistogram(meter: Meter, part: CalledPart): Histogram {
  const [name, description] = DESCRIPTIONS[part];
  return meter.createHistogram(`nestjs_session.${name}.call.duration`, {
    description,
    unit: 's',
    advice: { explicitBucketBoundaries: BOUNDS },
  });
}
