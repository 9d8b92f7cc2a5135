import { MAXIMUM_LIFETIME } from './durations.js';
import type { OptionReader } from './option-reader.js';
import type {
  ResolvedCacheOptions,
  ResolvedLoaderOptions,
  ResolvedSessionJwtOptions,
} from './resolved-options.js';

const DAY = 86_400;

export function resolveLifetime(
  reader: OptionReader,
  value: unknown,
  interval: number,
): ResolvedSessionJwtOptions['lifetime'] {
  const lifetime = reader.group('lifetime', value, ['idle', 'absolute']);
  const range = { min: 1, max: MAXIMUM_LIFETIME, whole: true };
  const absoluteSeconds = reader.seconds(
    'lifetime.absolute',
    lifetime['absolute'],
    30 * DAY,
    range,
  );
  const idleSeconds = reader.seconds(
    'lifetime.idle',
    lifetime['idle'],
    7 * DAY,
    range,
  );
  if (idleSeconds <= interval) {
    reader.fault(
      'lifetime.idle',
      `expected more than dataRefreshInterval (${interval} s), so that sessions live until their first reload`,
      idleSeconds,
    );
  }
  if (idleSeconds > absoluteSeconds) {
    reader.fault(
      'lifetime.idle',
      `expected at most lifetime.absolute (${absoluteSeconds} s)`,
      idleSeconds,
    );
  }
  return { idleSeconds, absoluteSeconds };
}

export function resolveLoader(
  reader: OptionReader,
  value: unknown,
  interval: number,
): ResolvedLoaderOptions {
  const loader = reader.group('loader', value, [
    'timeout',
    'patience',
    'maxStale',
    'concurrency',
    'onError',
  ]);
  const call = { min: 0.001, max: 300, whole: false };
  const timeoutSeconds = reader.seconds(
    'loader.timeout',
    loader['timeout'],
    2,
    call,
  );
  const patienceSeconds = reader.seconds(
    'loader.patience',
    loader['patience'],
    timeoutSeconds,
    { ...call, min: 0 },
  );
  const maxStaleSeconds = reader.seconds(
    'loader.maxStale',
    loader['maxStale'],
    interval,
    { min: 0, max: MAXIMUM_LIFETIME, whole: true },
  );
  if (patienceSeconds === 0 && maxStaleSeconds === 0) {
    reader.fault(
      'loader.patience',
      '0 needs a loader.maxStale above 0; otherwise every reload is answered with 503',
    );
  }
  return {
    timeoutSeconds,
    patienceSeconds,
    maxStaleSeconds,
    concurrency: reader.integer(
      'loader.concurrency',
      loader['concurrency'],
      64,
      { min: 1, max: 10_000 },
    ),
    errorEndsSession:
      reader.oneOf('loader.onError', loader['onError'], 'keep', [
        'keep',
        'end',
      ]) === 'end',
  };
}

export function resolveCache(
  reader: OptionReader,
  value: unknown,
): ResolvedCacheOptions {
  if (value === false) {
    return { maxTokens: 0, maxBytes: 0 };
  }
  const cache = reader.group('cache', value, ['maxTokens', 'maxBytes']);
  return {
    maxTokens: reader.integer('cache.maxTokens', cache['maxTokens'], 10_000, {
      min: 1,
      max: 10_000_000,
    }),
    maxBytes: reader.integer('cache.maxBytes', cache['maxBytes'], 2 ** 25, {
      min: 2 ** 16,
      max: 2 ** 40,
    }),
  };
}
