import type { LateAnswer } from '../../stores/deadline-session-store.js';
import type { SessionEnds } from './session-ends.js';
import type { SessionEvents } from '../model/session-events.js';

/**
 * Concludes what a store did for callers that had given up on it and treated it as unavailable.
 *
 * Ends a session that was created for such a caller. Ends are events, as always.
 */
export function concludeLateAnswer(
  answer: LateAnswer,
  ends: SessionEnds,
  events: SessionEvents,
): void {
  const { subject } = answer;
  switch (answer.operation) {
    case 'create':
      if (answer.verdict.kind === 'created') {
        for (const sid of answer.verdict.ended) {
          ends.noteEndInStore({ sid, sub: subject }, 'limit');
        }
        void ends.discard({ sid: answer.id, sub: subject });
      }
      break;
    case 'rotate':
      // The client gets every other verdict again when it retries.
      if (answer.verdict === 'reused') {
        const claims = { sid: answer.id, sub: subject };
        events.ofSession(claims, { type: 'refreshReused' });
        ends.noteEndInStore(claims, 'reused');
      }
      break;
    case 'bind':
      if (answer.verdict === 'conflict') {
        ends.noteEndInStore({ sid: answer.id, sub: subject }, 'conflict');
      }
      break;
    case 'endAll':
      if (answer.count) events.allEnded(subject, answer.count);
      break;
  }
}
