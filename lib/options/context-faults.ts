/** Returns the faults of the extra `contexts`. */
export function contextFaults(contexts: unknown): readonly string[] {
  if (contexts === undefined) {
    return [];
  }
  if (typeof contexts !== 'object' || contexts === null) {
    return [
      `contexts: expected an object of functions by kind of context, got ${typeof contexts}`,
    ];
  }
  return Object.entries(contexts).flatMap(([kind, find]) =>
    kind === 'http'
      ? [
          'contexts.http: expected another kind of context, since HTTP requests are known; remove it',
        ]
      : typeof find === 'function'
        ? []
        : [
            `contexts.${kind}: expected a function that returns { request }, got ${typeof find}`,
          ],
  );
}
