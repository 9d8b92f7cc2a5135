const port = Number(process.env.PORT ?? 3000);

/** What the environment may change. */
export const settings = {
  port,
  /** The chat has a server of its own; the README says why. */
  chatPort: Number(process.env.CHAT_PORT ?? port + 1),
  adapter: choose('ADAPTER', 'express', 'fastify'),
  driver: choose('DRIVER', 'apollo', 'mercurius'),
  sockets: choose('SOCKETS', 'io', 'ws'),
  /** How old the data of a session may be, in seconds. Short, so that you can watch it: minutes are usual. */
  reloadSeconds: Number(process.env.RELOAD ?? 15),
};

if (settings.driver === 'mercurius' && settings.adapter === 'express') {
  throw new Error('DRIVER=mercurius requires ADAPTER=fastify.');
}

function choose<Name extends string>(
  variable: string,
  ...names: [Name, ...Name[]]
): Name {
  const value = process.env[variable] ?? names[0];
  const chosen = names.find((name) => name === value);
  if (chosen === undefined) {
    throw new Error(
      `${variable}: expected ${names.join(' or ')}, got ${value}`,
    );
  }
  return chosen;
}
