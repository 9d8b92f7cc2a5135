import {
  RedisRevocationLog,
  type RedisRevocationLogOptions,
} from '../../../lib/stores/redis/index.js';
import type { RevocationLogFixture } from '../../../lib/testing/log-contract/fixture.js';
import type { ConnectedClient } from './clients.js';
import { newId } from './records.js';

/** Two logs on one client, with streams that nothing else on these servers has. */
export function openLogFixture(
  { client }: Pick<ConnectedClient, 'client'>,
  createFollower?: RedisRevocationLogOptions['createFollower'],
): RevocationLogFixture & { readonly keys: readonly string[] } {
  let offset = 0;
  const prefix = `test-${newId().slice(0, 8)}:`;
  const options = {
    client,
    prefix,
    clockOffset: () => offset,
    ...(createFollower && { createFollower }),
  };
  return {
    log: new RedisRevocationLog(options),
    another: new RedisRevocationLog(options),
    keys: [`${prefix}revocations:{log}`, `${prefix}revocations:{log}:proof`],
    advance(seconds) {
      offset += seconds * 1000;
    },
  };
}
