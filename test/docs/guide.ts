import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ROOT } from '../support/library-sources.js';
import { readPage, SnippetFolder } from './snippets/page.js';

export const GUIDES = readdirSync(join(ROOT, 'docs/guides')).map(
  (name) => `docs/guides/${name}`,
);

/** A block of code, and the file that its page says it is: ` ```ts [src/app.module.ts] `. */
export interface GuideBlock {
  readonly language: string;
  /** Relative to the application; `undefined` for commands and answers, which are read and not pasted. */
  readonly file: string | undefined;
  readonly code: string;
}

/** A page whose code blocks are whole files of an application. */
export class Guide {
  readonly blocks: readonly GuideBlock[];

  constructor(readonly path: string) {
    const blocks = readPage(path).matchAll(
      /^```(\w+)(?: \[(.+)\])?\n([^]*?)^```$/gm,
    );
    this.blocks = [...blocks].map(([, language, file, code]) => ({
      language: language!,
      file,
      code: code!,
    }));
  }

  /** The files, by name. Blocks of one name are parts of one file. */
  get files(): ReadonlyMap<string, string> {
    const files = new Map<string, string>();
    for (const { file, code } of this.blocks) {
      if (file) {
        files.set(file, (files.get(file) ?? '') + code);
      }
    }
    return files;
  }

  /** Returns the text of a file. */
  file(name: string): string {
    const text = this.files.get(name);
    if (text === undefined) {
      throw new Error(`${this.path}: no file ${name}`);
    }
    return text;
  }

  /**
   * Writes the files where they can be imported.
   * @param others what the guide expects of the application, by name
   */
  write(others: Readonly<Record<string, string>> = {}): GuideFolder {
    return new GuideFolder([...Object.entries(others), ...this.files]);
  }
}

export class GuideFolder extends SnippetFolder {
  constructor(files: Iterable<readonly [name: string, text: string]>) {
    super();
    for (const [name, text] of files) {
      const path = this.pathOf(name);
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, text);
    }
  }

  pathOf(name: string): string {
    return join(this.path, name);
  }
}
