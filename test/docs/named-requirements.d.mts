/** The names of specs below `test/`, without their ending, by the requirement that they name in a title. */
export function specsByRequirement(): Map<string, string[]>;
