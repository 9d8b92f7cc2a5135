/** How sessions are bound to devices. */
export interface DeviceBindingOptions {
  /**
   * Ends sessions that no browser binds: they cannot be refreshed, so they end `refreshToken.accessLifetime` after the
   * sign-in. Only Chromium on Windows and macOS binds sessions as yet, and never those of a header transport.
   *
   * @default false
   */
  required?: boolean;
  /**
   * Path of the ready-made routes as browsers see it, if a proxy changes paths. The cookies must cover it.
   *
   * @default the global prefix and `routes.path`: '/session'
   */
  path?: string;
}
