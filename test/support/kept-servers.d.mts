export const keptServers: Map<string, unknown>;
