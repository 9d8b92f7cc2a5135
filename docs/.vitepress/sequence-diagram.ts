/** Draws the part of Mermaid's sequence diagrams that our pages use. `theme/style.css` has the colours. */

const COLUMN = 180;
const LINE = 16;
/** The width of a character. */
const CHARACTER = 6.2;

const PARTICIPANT = /^participant (\w+) as (.+)$/;
const NOTE = /^Note over (\w+),(\w+): (.+)$/;
const MESSAGE = /^(\w+)(-?)->>(\w+): (.+)$/;

export function drawSequence(diagram: string): string {
  const columns = new Map<string, number>();
  const shapes: string[] = [];
  let y = 60;

  for (const line of diagram.split('\n').map((each) => each.trim())) {
    const [, name, label] = PARTICIPANT.exec(line) ?? [];
    const [, first, last, note] = NOTE.exec(line) ?? [];
    const [, from, dashes, to, message] = MESSAGE.exec(line) ?? [];
    if (name && label) {
      const x = (columns.size + 0.5) * COLUMN;
      columns.set(name, x);
      shapes.push(box('participant', x, x, 0, 48, label.split('<br/>')));
    } else if (first && last && note) {
      const [left, right] = [columns.get(first)!, columns.get(last)!];
      const lines = wrap(note, right - left + COLUMN - 40);
      const height = lines.length * LINE + 12;
      shapes.push(box('note', left, right, y + 8, height, lines));
      y += height + 12;
    } else if (from && to && message) {
      const [start, end] = [columns.get(from)!, columns.get(to)!];
      const lines = wrap(message, Math.abs(end - start) - 12);
      const bottom = y + lines.length * LINE + 10;
      shapes.push(
        text((start + end) / 2, (y + bottom) / 2, lines),
        arrow(dashes ? 'answer' : 'call', start, end, bottom),
      );
      y = bottom + 6;
    } else if (line && line !== 'sequenceDiagram') {
      throw new Error(`expected a sequence diagram, got "${line}"`);
    }
  }
  const lifelines = [...columns.values()].map(
    (x) => `<path class="lifeline" d="M${x} 48V${y + 12}"/>`,
  );
  const size = `0 -1 ${columns.size * COLUMN} ${y + 14}`;
  return `<svg role="img" viewBox="${size}">${[...lifelines, ...shapes].join('')}</svg>`;
}

/** @param left of the middle of its first column */
function box(
  kind: string,
  left: number,
  right: number,
  y: number,
  height: number,
  lines: string[],
): string {
  const width = right - left + COLUMN - 20;
  return `<g class="${kind}"><rect x="${left - COLUMN / 2 + 10}" y="${y}" width="${width}" height="${height}" rx="6"/>${text((left + right) / 2, y + height / 2, lines)}</g>`;
}

function arrow(kind: string, start: number, end: number, y: number): string {
  const back = end > start ? -7 : 7;
  return `<path class="${kind}" d="M${start} ${y}H${end}"/><path class="head" d="M${end} ${y}l${back} -4v8z"/>`;
}

function text(x: number, y: number, lines: string[]): string {
  const top = y - ((lines.length - 1) * LINE) / 2 + 4;
  return lines
    .map((line) => line.replace(/[&<>]/g, (sign) => `&#${sign.charCodeAt(0)};`))
    .map((line, i) => `<text x="${x}" y="${top + i * LINE}">${line}</text>`)
    .join('');
}

function wrap(words: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of words.split(' ')) {
    const longer = [lines.at(-1), word].filter(Boolean).join(' ');
    if (lines.length > 0 && longer.length * CHARACTER <= width) {
      lines[lines.length - 1] = longer;
    } else {
      lines.push(word);
    }
  }
  return lines;
}
