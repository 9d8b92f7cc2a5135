import { StoreBreaker } from '../../lib/stores/store-breaker.js';
import { printFigures } from '../support/figures.js';

/** What calls report, by a letter each: see `STEPS`. */
function play(script: string) {
  let now = 0;
  const breaker = new StoreBreaker(() => now);
  const underWay: ('call' | 'probe')[] = [];
  const admissions: string[] = [];
  const steps: Record<string, () => void> = {
    // A call is asked for; one that is admitted is under way.
    c: () => ask(false),
    // A revocation is asked for.
    r: () => ask(true),
    // The oldest call under way is answered, or its deadline passes.
    a: () => breaker.answered(underWay.shift()!),
    s: () => breaker.unanswered(underWay.shift()!),
    // A call whose deadline has passed settles.
    l: () => breaker.settledLate(),
  };
  const ask = (insists: boolean) => {
    const admission = breaker.admit(insists);
    admissions.push(admission);
    if (admission === 'call' || admission === 'probe') {
      underWay.push(admission);
    }
  };
  for (const [step, digits] of script.matchAll(/(\d+)|[a-z]/g)) {
    if (digits) now += Number(digits);
    else steps[step]!();
  }
  return admissions.at(-1);
}

const silentCalls = (count: number, apart = 0) =>
  `cs${apart || ''}`.repeat(count);
const OPEN = silentCalls(5);

describe('the breaker of a store', () => {
  it.each([
    ['lets the first call through', 'c', 'call'],
    ['is not opened by one slow call', 'csc', 'call'],
    ['is not opened by four silent calls', `${silentCalls(4)}c`, 'call'],
    ['is opened by five: the next call is a probe', `${OPEN}c`, 'probe'],
    ['is opened by five parallel calls', 'cccccssssscc', 'silent'],
    ['lets one probe through at a time', `${OPEN}cc`, 'silent'],
    ['starts its first probe without a pause', `${OPEN}c`, 'probe'],
    ['pauses after a silent probe', `${OPEN}cs99c`, 'silent'],
    ['probes again after 100 ms', `${OPEN}cs100c`, 'probe'],
    ['doubles the pause', `${OPEN}cs100cs199c`, 'silent'],
    ['probes again after the doubled pause', `${OPEN}cs100cs200c`, 'probe'],
    ['never pauses longer than 1 s', `${OPEN}${'cs1000'.repeat(20)}c`, 'probe'],
    ['is closed by the first probe that answers', `${OPEN}cac`, 'call'],
    [
      'is closed by an older call that answers in time',
      `c${'cs'.repeat(0)}cccccssssscac`,
      'call',
    ],
    ['counts anew once it was closed', `${OPEN}ca${silentCalls(4)}c`, 'call'],
    [
      'does not count across an answer',
      `${silentCalls(4)}ca${silentCalls(4)}c`,
      'call',
    ],
    ['does not count across 10 s', `${silentCalls(4)}10001csc`, 'call'],
    ['counts within 10 s', `${silentCalls(4, 2_499)}csc`, 'probe'],
    [
      'stays open for however long nothing is asked',
      `${OPEN}100000cc`,
      'silent',
    ],
    ['lets revocations through while it is open', `${OPEN}r`, 'call'],
    ['lets revocations through next to a probe', `${OPEN}cr`, 'call'],
    ['is closed by a revocation that answers', `${OPEN}rac`, 'call'],
    ['stays open after a late answer', `${OPEN}lcc`, 'silent'],
    [
      'ends the pause with the last outstanding late answer',
      `${OPEN}cs${'l'.repeat(6)}c`,
      'probe',
    ],
    [
      'keeps the pause while others are outstanding, as with a store that is slow for all',
      `${OPEN}cs${'l'.repeat(5)}c`,
      'silent',
    ],
    ['refuses call 5,001 that is unsettled', `${'c'.repeat(5_000)}cc`, 'full'],
    ['and revocation 5,001', `${'c'.repeat(5_000)}rr`, 'full'],
    ['lets one probe through beyond 5,000', `${'c'.repeat(5_000)}c`, 'probe'],
    [
      'admits another call when one has settled',
      `${'c'.repeat(5_000)}ac`,
      'call',
    ],
    [
      'counts calls as unsettled whose callers gave up',
      `${'cs'.repeat(5)}${'r'.repeat(4_995)}cc`,
      'full',
    ],
  ])('%s', (_title, script, expected) => {
    expect(play(script)).toBe(expected);
  });

  it('lets a silent store see at most one call a second, and a recovered one be noticed within that (F-08)', () => {
    let now = 0;
    const breaker = new StoreBreaker(() => now);
    const admit = () => breaker.admit(false);
    for (let i = 0; i < 5; i += 1) breaker.unanswered(admit());
    let sent = 0;
    for (; now < 60_000; now += 1) {
      const admission = admit();
      if (admission === 'probe') {
        sent += 1;
        breaker.unanswered(admission);
      }
    }
    // Pauses of 0.1, 0.2, 0.4, 0.8 and then 1 s.
    expect(sent).toBe(1 + 4 + 58);
    printFigures(
      'F-08',
      `a minute without an answer: ${sent} calls of the store`,
    );
    now += 1_000;
    const probe = admit();
    expect(probe).toBe('probe');
    breaker.answered(probe);
    expect(admit()).toBe('call');
  });
});
