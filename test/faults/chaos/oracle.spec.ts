import type { SentEvent } from './chaos-node.js';
import { EventLedger } from './event-ledger.js';
import { Findings } from './findings.js';
import type { KnownSession } from './known-session.js';
import { MovedClock } from './moved-clock.js';
import type { NodeProcess } from './node-process.js';
import { Oracle, type Attempt } from './oracle.js';
import { TIMING } from './timing.js';

const NODE = { name: 'A' } as NodeProcess;

let clock: MovedClock;
let ledger: EventLedger;
let findings: Findings;
let oracle: Oracle;
let operations: number;

beforeEach(() => {
  clock = new MovedClock();
  ledger = new EventLedger();
  findings = new Findings(() => undefined);
  oracle = new Oracle(findings, ledger, clock);
  operations = 0;
});

function attempt(what: string): Attempt {
  operations += 1;
  const sentAt = clock.nowSeconds();
  return {
    operation: `operation-${operations}`,
    what,
    node: NODE,
    sentTick: oracle.tick(),
    sentAt,
    isLossy: false,
    sessionEnd: sentAt + TIMING.accessSeconds,
  };
}

function hear(event: SentEvent, operation?: Attempt): void {
  ledger.hear(NODE, event, operation?.operation, 1, clock.nowSeconds());
}

function signIn(sent = attempt('sign-in')): KnownSession {
  const session = oracle.begin(sent, 'ada', 'cookie', false);
  hear({ type: 'created', session: `name of ${session.label}` }, sent);
  return session;
}

/** A revocation of everything of the user, which is answered so. */
function revokeAll(result: string): void {
  const sent = attempt('revoke all');
  const revocation = oracle.revoking('ada', sent, () => true);
  if (result === '200') hear({ type: 'allEnded', subject: 'ada' }, sent);
  oracle.revoked(revocation, sent, result, 'all');
}

function advance(seconds: number): void {
  clock.aheadMilliseconds += seconds * 1000;
}

function found(): string[] {
  oracle.review();
  return findings.all.map(({ kind }) => kind);
}

describe('Oracle', () => {
  it('finds a healthy session that was refused, and that no node has said so', () => {
    oracle.refused(signIn(), attempt('me'));
    expect(found()).toEqual([
      'healthy session ended',
      'failure without an event',
    ]);
  });

  it('finds an alarm about a session that has one user', () => {
    const { label } = signIn();
    hear({ type: 'refreshReused', session: `name of ${label}` });
    expect(found()).toEqual(['healthy session ended']);
  });

  it('accepts both answers while nobody knows whether a revocation succeeded', () => {
    const [one, other] = [signIn(), signIn()];
    revokeAll('503');
    oracle.accepted(one, attempt('checked'), true);
    oracle.refused(other, attempt('checked'));
    expect(found()).toEqual([]);
  });

  it('finds a session that a revocation ended before it began', () => {
    signIn();
    revokeAll('503');
    revokeAll('200');
    oracle.refused(signIn(), attempt('me'));
    expect(found()).toContain('healthy session ended');
  });

  it('does not know which came first, a sign-in and a revocation at the same time', () => {
    const sent = attempt('sign-in');
    revokeAll('200');
    const session = signIn(sent);
    oracle.accepted(session, attempt('checked'), true);
    oracle.refused(session, attempt('checked'));
    expect(found()).toEqual([]);
  });

  it('finds an ended session where the store was asked, at once', () => {
    const session = signIn();
    revokeAll('200');
    oracle.accepted(session, attempt('me'), false);
    expect(found()).toEqual([]);
    oracle.accepted(session, attempt('checked'), true);
    expect(found()).toEqual(['ended session accepted']);
  });

  it('finds one that no reload noticed, unless the store could not be asked', () => {
    const session = signIn();
    revokeAll('200');
    advance(TIMING.intervalSeconds + 10);
    hear({ type: 'storeFailed' });
    oracle.accepted(session, attempt('me'), false);
    expect(found()).toEqual([]);
    advance(40);
    oracle.accepted(session, attempt('me'), false);
    expect(found()).toEqual(['ended session accepted']);
  });

  it('finds a revocation and a 503 without events', () => {
    signIn();
    const sent = attempt('revoke all');
    const revocation = oracle.revoking('ada', sent, () => true);
    oracle.revoked(revocation, sent, '200', 'all');
    oracle.unavailable(attempt('me'), 3);
    expect(found()).toEqual([
      'failure without an event',
      'failure without an event',
    ]);
  });

  it('expects an event of a sign-out, unless the session was idle for too long', () => {
    const [active, idle] = [signIn(), signIn()];
    idle.idleEnd = clock.nowSeconds() - 1;
    for (const session of [idle, active]) {
      const sent = attempt('signOut');
      const revocation = oracle.revoking(
        'ada',
        sent,
        (each) => each === session,
      );
      oracle.revoked(revocation, sent, '204', 'one');
      expect(found()).toEqual(
        session === idle ? [] : ['failure without an event'],
      );
    }
  });

  it('allows two successive lost answers to end a session, and not one', () => {
    const [once, twice] = [signIn(), signIn()];
    for (const session of [once, twice]) {
      session.loseExchange(clock.nowSeconds());
    }
    advance(TIMING.graceSeconds + 10);
    twice.advance(clock.nowSeconds());
    twice.loseExchange(clock.nowSeconds());
    advance(TIMING.graceSeconds + 10);
    oracle.refused(twice, attempt('refresh'));
    expect([found(), findings.counts.doubleLosses]).toEqual([[], 1]);
    oracle.refused(once, attempt('refresh'));
    expect(found()).toContain('healthy session ended');
  });
});
