import { gzipSync } from 'node:zlib';
import { minify, transform } from '@swc/core';
import { librarySources } from './library-sources.js';

/** Every file of lib/client as a browser loads it, by its name: `index.js`, say. */
export async function clientScripts(): Promise<ReadonlyMap<string, string>> {
  const sources = librarySources().filter(({ path }) =>
    path.startsWith('lib/client/'),
  );
  const scripts = await Promise.all(
    sources.map(async ({ path, text }): Promise<[string, string]> => {
      const { code } = await transform(text, {
        jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
        module: { type: 'es6' },
      });
      const name = path.replace('lib/client/', '').replace(/ts$/, 'js');
      return [name, code];
    }),
  );
  return new Map(scripts);
}

/** The client as one module, as a bundler makes it: no file of it gives two things the same name. */
export async function bundledClient(): Promise<string> {
  const files = new Map(await clientScripts());
  files.delete('index.js');
  const code = [...files.values()]
    .map((text) =>
      text
        .replace(/^import .*;$/gm, '')
        .replace(/\bexport (?=(?:async )?(?:function|const) )/g, '')
        .replace(/^export \{ *\};$/gm, ''),
    )
    .join('\n');
  return (await minify(code, { module: true, compress: true, mangle: true }))
    .code;
}

/** How many bytes a text has on its way to a browser. */
export function gzipBytes(text: string): number {
  return gzipSync(text, { level: 9 }).length;
}
