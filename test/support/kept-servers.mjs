/**
 * Servers that outlive a spec, by name. Node loads this module once for all specs of a worker.
 *
 * @type {Map<string, unknown>}
 */
export const keptServers = new Map();
