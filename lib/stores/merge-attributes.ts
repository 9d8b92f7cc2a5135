type Attributes = Readonly<Record<string, unknown>>;

/** Returns the attributes after a change; `null` removes one. */
export function mergeAttributes(
  attributes: Attributes,
  changes: Attributes,
): Attributes {
  const merged = Object.entries({ ...attributes, ...changes });
  return Object.freeze(
    Object.fromEntries(merged.filter(([, value]) => value !== null)),
  );
}
