/**
 * Thrown at boot if the options are invalid, so the application does not start. Lists every fault with the given and
 * the expected value, and never prints a secret.
 */
export class SessionConfigError extends Error {
  override readonly name = 'SessionConfigError';

  constructor(
    readonly faults: readonly string[],
    options?: { cause?: unknown },
  ) {
    super(
      `Invalid nestjs-session-jwt options:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`,
      options,
    );
  }
}
