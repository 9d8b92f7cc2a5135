import { SessionError } from '../errors/session-error.js';
import type { SessionRecords } from './session-records.js';

/** @throws {SessionError} `STORE_REQUIRED` */
export function required(records: SessionRecords | undefined): SessionRecords {
  if (records) return records;
  throw new SessionError(
    'STORE_REQUIRED',
    'without a store there is no record of which sessions were ended',
  );
}
