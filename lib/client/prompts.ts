import type { SessionChallenge } from './session-client-options.js';

/** Lets the user prove again who they are, once for all waiting requests. */
export interface Prompts {
  /** Grows with every prompt that has ended. */
  count(): number;
  /**
   * Joins the prompt for a challenge, or opens one after those for others. Never rejects.
   *
   * @param since the count when the request was sent: it shares the outcome of a prompt that has ended meanwhile
   */
  ask(challenge: SessionChallenge, since: number): Promise<boolean>;
}

interface Prompt {
  outcome: Promise<boolean>;
  /** The count at its end. */
  end: number;
}

export function createPrompts(
  onReauthenticate: (challenge: SessionChallenge) => Promise<boolean>,
): Prompts {
  const prompts = new Map<string, Prompt>();
  let ended = 0;
  let turn = Promise.resolve(false);
  return {
    count: () => ended,
    ask(challenge, since) {
      const key = JSON.stringify(challenge);
      const known = prompts.get(key);
      if (known && since < known.end) return known.outcome;
      const prompt: Prompt = {
        end: Infinity,
        outcome: turn
          .then(() => onReauthenticate(challenge))
          .then(
            (isDone: unknown) => isDone === true,
            (error: unknown) => {
              console.error(error);
              return false;
            },
          )
          .finally(() => (prompt.end = ended += 1)),
      };
      turn = prompt.outcome;
      prompts.set(key, prompt);
      return prompt.outcome;
    },
  };
}
