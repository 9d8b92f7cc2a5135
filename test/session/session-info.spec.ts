import type { SessionRecord } from '../../lib/ports/session-store.js';
import { sessionInfo } from '../../lib/session/model/session-info.js';
import { newSessionId, NOW } from '../support/session-claims.js';

const SECRET_PART = 'a secret that no list of devices shows';

const RECORD: SessionRecord = {
  id: newSessionId(),
  subject: 'ada',
  params: { secret: SECRET_PART },
  attributes: { secret: SECRET_PART },
  revision: 3,
  metadata: { ip: '192.0.2.1', userAgent: 'Mozilla/5.0', label: 'phone' },
  data: { value: { secret: SECRET_PART }, loadedAt: NOW },
  asOf: new Date((NOW + 120) * 1000),
  createdAt: new Date(NOW * 1000),
  lastSeenAt: new Date((NOW + 60) * 1000),
  expiresAt: new Date((NOW + 600) * 1000),
};

describe('what a list of devices shows of a session', () => {
  it('is whose and which it is, its times and where it was begun', () => {
    const { id, subject, createdAt, lastSeenAt, expiresAt, metadata } = RECORD;
    expect(sessionInfo(RECORD)).toEqual({
      id,
      subject,
      createdAt,
      lastSeenAt,
      expiresAt,
      metadata,
      isBound: false,
    });
    expect(sessionInfo({ ...RECORD, deviceKey: 'key' }).isBound).toBe(true);
  });

  it('is nothing of what it is about, nor anything else that a store may hold (S-053)', () => {
    const rich = {
      ...RECORD,
      deviceKey: SECRET_PART,
      hash: SECRET_PART,
      previousHash: SECRET_PART,
    };
    const info = sessionInfo(rich);
    expect(JSON.stringify(info)).not.toContain(SECRET_PART);
    expect(Object.keys(info).toSorted()).toEqual([
      'createdAt',
      'expiresAt',
      'id',
      'isBound',
      'lastSeenAt',
      'metadata',
      'subject',
    ]);
  });
});
