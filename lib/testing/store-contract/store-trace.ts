import { AssertionError } from 'node:assert';
import { inspect } from 'node:util';

/** One call of a test and its result. */
interface TracedCall {
  readonly name: string;
  readonly input: readonly unknown[];
  result: string | { readonly value: unknown } | { readonly error: unknown };
}

/** Enough for the calls that lead to one assertion. Tests of races make hundreds of calls. */
const SHOWN_CALLS = 8;
/** Characters of the input of a call, and of its outcome. */
const LONGEST_PART = 400;

/** Keeps the last calls of a test, so that a failed assertion can show what the store did. */
export class StoreTrace {
  readonly #calls: TracedCall[] = [];

  /** Returns the same object with its calls noted. Their results are passed on unchanged. */
  watch<T extends object>(target: T, name: string): T {
    return new Proxy(target, {
      get: (_, member) => {
        const value: unknown = Reflect.get(target, member, target);
        return typeof value === 'function'
          ? (...input: unknown[]): unknown =>
              this.call(`${name}.${String(member)}`, input, () =>
                Reflect.apply(value, target, input),
              )
          : value;
      },
    });
  }

  /** Notes a call and its outcome. */
  call<T>(name: string, input: readonly unknown[], run: () => T): T {
    const call: TracedCall = { name, input, result: 'pending' };
    this.#calls.push(call);
    if (this.#calls.length > SHOWN_CALLS) {
      this.#calls.shift();
    }
    const fails = (error: unknown): void => {
      call.result = { error };
    };
    try {
      const answer = run();
      Promise.resolve(answer).then((value) => {
        call.result = { value };
      }, fails);
      return answer;
    } catch (error) {
      fails(error);
      throw error;
    }
  }

  /** Adds the expectation and the last calls to a failed assertion. Returns every other error unchanged. */
  explain(error: unknown): unknown {
    if (!(error instanceof AssertionError)) {
      return error;
    }
    const { actual, expected, operator, stack } = error;
    const what =
      error.generatedMessage && operator === 'strictEqual'
        ? `expected ${show(expected)}, got ${show(actual)}`
        : error.message;
    const calls = this.#calls.map(lineOf).join('\n');
    const message = `${what}\n\nThe last calls of the test, newest last:\n${calls}`;
    const explained = new AssertionError({
      message,
      actual,
      expected,
      operator,
    });
    // Some versions of Node.js add their comparison to our message.
    explained.message = message;
    const frames = stack?.split('\n').filter((line) => /^ {4}at /.test(line));
    explained.stack = [`AssertionError: ${message}`, ...(frames ?? [])].join(
      '\n',
    );
    return explained;
  }
}

function lineOf({ name, input, result }: TracedCall): string {
  const outcome =
    typeof result === 'string'
      ? result
      : 'error' in result
        ? `rejected with ${String(result.error)}`
        : show(result.value);
  return `  ${name}(${shortened(input.map(show).join(', '))}) → ${shortened(outcome)}`;
}

function shortened(text: string): string {
  return text.length > LONGEST_PART ? `${text.slice(0, LONGEST_PART)}…` : text;
}

function show(value: unknown): string {
  return inspect(value, {
    breakLength: Infinity,
    compact: true,
    depth: 3,
    maxArrayLength: 8,
    maxStringLength: 80,
  });
}
