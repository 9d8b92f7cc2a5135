/** What the environment may change. */
export const settings = {
  port: Number(process.env.PORT ?? 3000),
  adapter: process.env.ADAPTER === 'fastify' ? 'fastify' : 'express',
  /** `DEVICE_BINDING=off` shows what a thief can do without it. */
  isBinding: process.env.DEVICE_BINDING !== 'off',
  /** How long a session token is valid. Short, so that you can watch it: minutes are usual. */
  accessLifetimeSeconds: Number(process.env.ACCESS_LIFETIME ?? 20),
  /** How long the thief waits between two requests. */
  thiefPauseMilliseconds: Number(process.env.THIEF_PAUSE ?? 1000),
} as const;
