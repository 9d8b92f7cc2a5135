/**
 * The one source of time. Also its own injection token, so a test moves time with
 * `overrideProvider(SessionClock).useValue(new TestSessionClock())` from `nestjs-session-jwt/testing`.
 */
export abstract class SessionClock {
  /** Whole seconds since the Unix epoch, the unit of JWT's NumericDate (RFC 7519, section 2). */
  abstract nowSeconds(): number;
}

/** The clock of the machine. */
export class SystemSessionClock extends SessionClock {
  override nowSeconds(): number {
    return Math.floor(Date.now() / 1000);
  }
}
