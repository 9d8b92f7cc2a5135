import type { ModulesContainer } from '@nestjs/core';

/** Marks the modules whose guard covers the application, for all copies of the package. */
export const GUARDS_APPLICATION = Symbol.for(
  'nestjs-session-jwt:guards-application:v1',
);

/** Reports a second guard of the application: every request would need a session of each module. */
export function guardFaultsIn(modules: ModulesContainer): readonly string[] {
  const guarding = [...modules.values()].filter(({ providers }) =>
    providers.has(GUARDS_APPLICATION),
  );
  return guarding.length > 1
    ? [
        `guard: expected one session module that guards the whole application, got ${guarding.length}; set guard: false on all but one and add @UseGuards(SessionGuard) to the controllers of the others, or import the same definition everywhere`,
      ]
    : [];
}
