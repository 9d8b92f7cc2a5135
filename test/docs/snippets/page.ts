import {
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../../support/library-sources.js';

/** Everything below one heading of the second level. */
export interface Section {
  readonly title: string;
  readonly text: string;
}

/** Reads a page of the documentation, from the root of the repository. */
export function readPage(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

export function sectionsOf(page: string): Section[] {
  return page
    .split(/^## /m)
    .slice(1)
    .map((part) => {
      const [title = '', ...lines] = part.split('\n');
      return { title, text: lines.join('\n') };
    });
}

/** @param fence what stands behind the three backticks: `ts controller` marks methods of a controller */
export function blocksOf({ text }: Section, fence: string): string[] {
  const blocks = text.matchAll(/^```(.*)\n([^]*?)^```$/gm);
  return [...blocks].flatMap(([, found, code]) =>
    found === fence ? [code!] : [],
  );
}

/** Returns the names that code declares at its top level. */
export function declaredIn(code: string): string[] {
  const declarations = code.matchAll(
    /^(?:abstract )?(?:async )?(?:class|const|function) (\w+)/gm,
  );
  return [...declarations].map(([, name]) => name!);
}

/** A folder for sources, in which they can be compiled and imported. */
export class SnippetFolder {
  readonly path = mkdtempSync(join(tmpdir(), 'session-docs-'));

  constructor() {
    writeFileSync(join(this.path, 'package.json'), '{"type":"module"}');
    symlinkSync(
      join(ROOT, 'node_modules'),
      join(this.path, 'node_modules'),
      'dir',
    );
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

/** Sources as files, from which they can be compiled and imported. */
export class SnippetFiles extends SnippetFolder {
  /** @param sources by the title of their section */
  constructor(sources: Iterable<readonly [title: string, source: string]>) {
    super();
    for (const [title, source] of sources) {
      writeFileSync(this.pathOf(title), source);
    }
  }

  pathOf(title: string): string {
    return join(this.path, `${title.replaceAll(/\W+/g, '-')}.ts`);
  }
}
