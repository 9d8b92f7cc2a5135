import {
  DeviceChallenges,
  type DeviceChallengesParts,
} from '../binding/device-challenges.js';
import type { ResolvedSessionJwtOptions } from '../options/resolved-options.js';
import {
  BindingAnswers,
  type BindingAnswersParts,
} from '../session/binding/binding-answers.js';
import { DeviceRefresh } from '../session/binding/device-refresh.js';
import {
  DeviceRegistration,
  type DeviceRegistrationParts,
} from '../session/binding/device-registration.js';
import type { ClockPolicy } from '../session/model/freshness.js';
import type { RefreshExchange } from '../session/refresh-exchange.js';
import type { SessionTransports } from '../session/request/session-transports.js';
import { BindingInstructions } from './routes/binding-instructions.js';
import type { SessionKeys } from './session-keys.js';
import type { SessionBinding } from './session-runtime.js';

interface Shared
  extends
    Omit<DeviceRegistrationParts & BindingAnswersParts, Own>,
    Pick<DeviceChallengesParts, 'clock'> {
  readonly options: ResolvedSessionJwtOptions;
  readonly policy: ClockPolicy;
  readonly transports: SessionTransports;
}

type Own = 'challenges' | 'cookies' | 'refreshExchange' | PartOfStore;
type PartOfStore = 'records' | 'ends' | 'tokens';

type Parts = Pick<DeviceRegistrationParts, PartOfStore> & {
  readonly refreshExchange: RefreshExchange | undefined;
};

/** Builds what binds sessions to devices; `undefined` without the option `deviceBinding`. */
export function openBinding(
  shared: Shared,
  { refreshExchange, ...parts }: Parts,
  { challengeKeys }: SessionKeys,
): SessionBinding | undefined {
  const { options, policy, transports } = shared;
  if (!options.deviceBinding || !refreshExchange) {
    return undefined;
  }
  const challenges = new DeviceChallenges({
    ...options,
    keys: challengeKeys,
    clock: shared.clock,
    toleranceSeconds: policy.toleranceSeconds,
  });
  const bound = {
    ...shared,
    ...parts,
    refreshExchange,
    challenges,
    cookies: transports.named('cookie')!,
  };
  const answers = new BindingAnswers(bound);
  return {
    registration: new DeviceRegistration(bound, answers),
    refresh: new DeviceRefresh(bound, answers),
    instructions: new BindingInstructions(options, challenges),
  };
}
