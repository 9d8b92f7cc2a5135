/**
 * The options cannot be used, so the application does not start. Names every fault at once, with what was
 * given and what is expected, and never prints a secret.
 */
export class SessionConfigError extends Error {
  override readonly name = 'SessionConfigError';

  constructor(
    readonly faults: readonly string[],
    options?: { cause?: unknown },
  ) {
    super(
      `nestjs-session-jwt cannot be used like this:\n${faults.map((fault) => `  - ${fault}`).join('\n')}`,
      options,
    );
  }
}
