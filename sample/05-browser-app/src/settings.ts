/** What may be set from outside, so that one can watch, and test, what takes long or must not happen elsewhere. */
export const settings = {
  port: Number(process.env.PORT ?? 3000),
  /** Where the attacker's pages are. */
  attackerPort: Number(
    process.env.ATTACKER_PORT ?? Number(process.env.PORT ?? 3000) + 1,
  ),
  /** Short, so that one can watch it: minutes are usual. */
  accessLifetimeSeconds: Number(process.env.ACCESS_LIFETIME ?? 20),
  /** `PROTECTION=off` shows what the attacks do to an application without it. Never anywhere else. */
  isProtected: process.env.PROTECTION !== 'off',
};
