import { DeviceChallenges } from '../binding/device-challenges.js';
import { BindingAnswers } from '../session/binding/binding-answers.js';
import { DeviceRefresh } from '../session/binding/device-refresh.js';
import { DeviceRegistration } from '../session/binding/device-registration.js';
import { BindingInstructions } from '../session/binding/binding-instructions.js';
import type { ConnectedParts, SharedParts } from './runtime-parts.js';
import type { SessionKeys } from './session-keys.js';
import type { SessionBinding } from './session-runtime.js';

/** Builds what binds sessions to devices; `undefined` without the option `deviceBinding`. */
export function openBinding(
  shared: SharedParts,
  { refreshExchange, ...parts }: ConnectedParts,
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
