import type { MarkdownRenderer } from 'vitepress';
import { drawSequence } from './sequence-diagram.js';

/** Draws the diagrams of Mermaid, and labels a fence like `ts [src/users.ts]` with its file. */
export function drawFences(md: MarkdownRenderer): void {
  const fence = md.renderer.rules.fence!;
  md.renderer.rules.fence = (tokens, index, ...others) => {
    const { info, content } = tokens[index]!;
    if (info === 'mermaid') {
      return `<div class="diagram" v-pre>${drawSequence(content)}</div>`;
    }
    const [, file] = /\[(.+)\]$/.exec(info) ?? [];
    const html = fence(tokens, index, ...others);
    return file
      ? html.replace(/(?<=<span class="lang">)[^<]*/, md.utils.escapeHtml(file))
      : html;
  };
}
