import { isFromPage } from '../../binding/binding-headers.js';
import type { DeviceChallenges } from '../../binding/device-challenges.js';
import { proofIn } from '../../binding/device-proof.js';
import type { Transport } from '../../ports/transport.js';
import type { RequestFacts } from '../../ports/request-facts.js';
import type { RefreshExchange } from '../refresh-exchange.js';
import type { BindingAnswer, BindingAnswers } from './binding-answers.js';

export interface DeviceRefreshParts {
  readonly challenges: DeviceChallenges;
  readonly cookies: Transport;
  readonly refreshExchange: RefreshExchange;
}

/** Refreshes bound sessions (Device Bound Session Credentials, section 8.7). */
export class DeviceRefresh {
  readonly #parts: DeviceRefreshParts;
  readonly #answers: BindingAnswers;

  constructor(parts: DeviceRefreshParts, answers: BindingAnswers) {
    this.#parts = parts;
    this.#answers = answers;
  }

  /**
   * Exchanges the refresh token of a bound session, if the request proves that it comes from the device. It is not user
   * activity: browsers send it for any request, also for those of a page in the background.
   */
  async refresh(facts: RequestFacts): Promise<BindingAnswer> {
    const { challenges, cookies, refreshExchange } = this.#parts;
    if (isFromPage(facts)) {
      return this.#answers.refused('cross-site');
    }
    await refreshExchange.ready();
    const found = await this.#answers.refreshTokenIn(facts);
    if (!found) {
      return { kind: 'ended', dispatch: undefined };
    }
    if ('answer' in found) {
      return found.answer;
    }
    const { claims } = found;
    const { sid } = claims;
    const proof = proofIn(facts);
    if (proof === undefined) {
      return { kind: 'challenged', sid };
    }
    if (!proof || proof.presentedKey) {
      return this.#answers.refused('unproven');
    }
    if (!challenges.isForRefresh(sid, proof.challenge)) {
      return { kind: 'challenged', sid };
    }
    const result = await refreshExchange.exchange(
      claims,
      [cookies],
      true,
      proof,
    );
    switch (result.kind) {
      case 'signed':
        return { kind: 'bound', sid, signed: result.signed };
      case 'failed':
        return result;
      case 'rejected':
        if (result.refusal === 'other-device') {
          return this.#answers.refusedTo(claims, 'other-key');
        }
        return this.#answers.ended(result.refusal, facts);
    }
  }
}
