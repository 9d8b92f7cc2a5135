type Attributes = Readonly<Record<string, unknown>>;

/** Attributes after a change; `null` removes one. */
export function mergeAttributes(
  attributes: Attributes,
  changes: Attributes,
): Attributes {
  const merged = Object.entries({ ...attributes, ...changes });
  return Object.freeze(
    Object.fromEntries(merged.filter(([, value]) => value !== null)),
  );
}
