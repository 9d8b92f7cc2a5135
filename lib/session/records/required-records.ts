import { SessionError } from '../../errors/session-error.js';
import type { SessionRecords } from './session-records.js';

/** @throws {SessionError} `STORE_REQUIRED` */
export function required(records: SessionRecords | undefined): SessionRecords {
  if (records) return records;
  throw new SessionError(
    'STORE_REQUIRED',
    'revocation check: expected a store, got none; set the option store, which records the ends of sessions',
  );
}
