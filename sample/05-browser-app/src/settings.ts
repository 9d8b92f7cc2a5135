const port = Number(process.env.PORT ?? 3000);
const attackerPort = Number(process.env.ATTACKER_PORT ?? port + 1);

/** What may be set from outside, so that one can watch, and test, what takes long or must not happen elsewhere. */
export const settings = {
  port,
  /** Where the attacker's pages are. */
  attackerPort,
  attackers: [
    `http://evil.notes.localhost:${attackerPort}`,
    `http://evil.localhost:${attackerPort}`,
  ],
  /** Short, so that one can watch it: minutes are usual. */
  accessLifetimeSeconds: Number(process.env.ACCESS_LIFETIME ?? 20),
  /** `PROTECTION=off` shows what the attacks do to an application without it. Never anywhere else. */
  isProtected: process.env.PROTECTION !== 'off',
};
