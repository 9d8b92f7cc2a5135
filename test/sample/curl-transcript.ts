/** One command of a transcript, and the lines that it printed. */
export interface TranscriptStep {
  readonly command: string;
  readonly output: string[];
}

/** The steps of every fenced `console` block of a Markdown text. */
export function transcriptOf(markdown: string): TranscriptStep[] {
  const steps: { command: string; output: string[] }[] = [];
  for (const [, block] of markdown.matchAll(/^```console\n([^]*?)^```$/gm)) {
    for (const line of block!.trimEnd().split('\n')) {
      if (line.startsWith('$ ')) {
        steps.push({ command: line.slice(2), output: [] });
      } else {
        steps.at(-1)!.output.push(line);
      }
    }
  }
  return steps;
}

export interface CurlRequest {
  readonly url: string;
  readonly method: string;
  readonly headers: Record<string, string>;
  readonly body: string | undefined;
}

/** What a `curl` command sends. Knows the options of the transcripts and refuses others. */
export function curlRequestOf(
  command: string,
  variables: ReadonlyMap<string, string>,
): CurlRequest {
  const [program, ...words] = wordsOf(command, variables);
  const headers: Record<string, string> = {};
  const urls: string[] = [];
  let body: string | undefined;
  let method: string | undefined;
  while (words.length > 0) {
    const word = words.shift()!;
    switch (word) {
      case '-X':
        method = words.shift();
        break;
      case '-H': {
        const [, name, value] = /^([\w-]+): (.+)$/.exec(words.shift() ?? '')!;
        headers[name!] = value!;
        break;
      }
      case '-d':
        body = words.shift();
        headers['Content-Type'] = 'application/x-www-form-urlencoded';
        break;
      default:
        urls.push(word);
    }
  }
  const [url = ''] = urls;
  if (
    program !== 'curl' ||
    urls.length !== 1 ||
    !url.startsWith('localhost:')
  ) {
    throw new Error(`not a command that this test can run: ${command}`);
  }
  method ??= body === undefined ? 'GET' : 'POST';
  return { url: `http://${url}`, method, headers, body };
}

/** The words of a shell command: blanks, double quotes, and variables that are set. */
export function wordsOf(
  command: string,
  variables: ReadonlyMap<string, string>,
): string[] {
  return [...command.matchAll(/"([^"]*)"|[^\s"]+/g)].map(([word, quoted]) =>
    (quoted ?? word).replace(/\$(\w+)/g, (_, name: string) => {
      const value = variables.get(name);
      if (value === undefined) {
        throw new Error(`$${name} is not set: ${command}`);
      }
      return value;
    }),
  );
}
