import type { ResolvedSessionJwtOptions } from '../options/resolved-options.js';
import type { Transport } from '../ports/transport.js';
import { CookieTransport } from './cookie-transport.js';
import { HeaderTransport } from './header-transport.js';

/** Creates the transports of a module, in the order in which they are read. */
export function createTransports(
  options: ResolvedSessionJwtOptions,
): readonly Transport[] {
  return options.transports.map((choice) => {
    switch (choice) {
      case 'cookie':
        return new CookieTransport(
          options.cookie,
          options.refresh?.cookie,
          options.csrf.token?.cookie,
        );
      case 'header':
        return new HeaderTransport(options.header);
      default:
        return choice;
    }
  });
}
