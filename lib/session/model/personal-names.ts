/** Names of members that clients should not read, or strangers should not learn from a copied token. */
const PERSONAL =
  /e-?mail|phone|birth|address|passw|secret|hash|ssn|iban|passport|card|tax/i;

/** Returns the names of the members of a JSON value, at any depth, that look personal; each once. */
export function personalNamesIn(value: unknown): readonly string[] {
  if (typeof value !== 'object' || value === null) {
    return [];
  }
  const names = Object.entries(value).flatMap(([name, member]) => [
    ...(PERSONAL.test(name) ? [name] : []),
    ...personalNamesIn(member),
  ]);
  return [...new Set(names)];
}
