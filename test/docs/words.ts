import ts from 'typescript';

/** The words of rule 4 and 5 in `STYLE.md`, as they appear in prose. */
export const AVOIDED_WORDS: readonly RegExp[] = [
  /\bbut for\b/i,
  /\bby and by\b/i,
  /\bbeside\b/i,
  /\btold\b/i,
  /\bask(s|ed|ing)?\b (the|a|an|its|his|their|this|every|each|another) ([\w-]+ )?(store|database|redis|postgres|server)\b/i,
  /\bbegun\b/i,
  /\b(is|are|was|were|be|been) over\b/i,
  /\bgood until\b/i,
  /\bat once\b/i,
  /\bof (its|their|his|your|our|my) own\b/i,
  /\bby hand\b/i,
  /\bcame of\b/i,
  /\bharm(s|ed)? nobody\b/i,
  /\bnobody('s)?\b/i,
  /\bsomebody('s)?\b/i,
  /\bwhoever\b/i,
  /\bwho has\b/i,
  /\bseen before\b/i,
  /\btwice is fine\b/i,
  /\boftener\b/i,
  /\breckon(s|ed|ing)?\b/i,
  /\bmend(s|ed|ing)?\b/i,
  /\bsee(s|n|ing)? to\b/i,
  /\bof there\b/i,
  /\bbelongs? into\b/i,
  /\btells\b/i,
  /\brenew(s|ed|al|als|ing)?\b/i,
];

/** Not in `csrf/`, where a request is judged. */
export const JUDGE = /\bjudg(e|es|ed|ing|ement|ment)\b/i;

export interface Hit {
  readonly line: number;
  readonly word: string;
}

/** The avoided words in a text of prose. */
export function avoidedWordsIn(
  text: string,
  words: readonly RegExp[] = [...AVOIDED_WORDS, JUDGE],
): Hit[] {
  return text.split('\n').flatMap((line, i) =>
    words.flatMap((word) => {
      const found = word.exec(line);
      return found ? [{ line: i + 1, word: found[0] }] : [];
    }),
  );
}

/** A page without its code: what stands in fences and in backquotes becomes blank. */
export function proseOfMarkdown(text: string): string {
  return text.replace(/^( *)(```|~~~)[\s\S]*?^\1\2|`[^`\n]*`/gm, blank);
}

/** The comments of a module, and its strings of more than one word; everything else becomes blank. */
export function proseOfModule(text: string): string {
  const source = ts.createSourceFile('it.ts', text, ts.ScriptTarget.Latest);
  let prose = '';
  const keep = (from: number, to: number, part = text.slice(from, to)) => {
    prose += blank(text.slice(prose.length, from)) + part;
  };
  const visit = (node: ts.Node): void => {
    const children = node
      .getChildren(source)
      .filter(({ kind }) => kind !== ts.SyntaxKind.JSDoc);
    if (children.length > 0) {
      children.forEach(visit);
      return;
    }
    const [before, from, to] = [
      node.getFullStart(),
      node.getStart(source),
      node.getEnd(),
    ];
    keep(before, from, withoutCode(text.slice(before, from)));
    if (TEXTS.has(node.kind) && /\w \w/.test(text.slice(from, to))) {
      keep(from, to);
    }
  };
  visit(source);
  return prose;
}

const TEXTS = new Set([
  ts.SyntaxKind.StringLiteral,
  ts.SyntaxKind.NoSubstitutionTemplateLiteral,
  ts.SyntaxKind.TemplateHead,
  ts.SyntaxKind.TemplateMiddle,
  ts.SyntaxKind.TemplateTail,
]);

function withoutCode(comments: string): string {
  return comments.replace(/`[^`\n]*`|\{@link[^}]*\}/g, blank);
}

/** As many blanks, on as many lines. */
function blank(text: string): string {
  return text.replace(/[^\n]/g, ' ');
}
