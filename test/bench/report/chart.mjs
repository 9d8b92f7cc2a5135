/** Draws a bar chart for the README as SVG: its colours follow the reader's light or dark scheme. */

const [WIDTH, LABELS, VALUES] = [810, 380, 60];
const [ROW, TOP, BOTTOM] = [26, 58, 14];

/**
 * @param {object} chart
 * @param chart.title
 * @param chart.description what the chart shows, for readers who cannot see it
 * @param {{ label: string, share: number, isOurs: boolean }[]} chart.bars shares of the bare route's throughput
 */
export function toChart({ title, description, bars }) {
  const sorted = bars.toSorted((a, b) => b.share - a.share);
  const height = TOP + sorted.length * ROW + BOTTOM;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-labelledby="title description">
  <title id="title">${escape(title)}</title>
  <desc id="description">${escape(description)} ${sorted.map(({ label, share }) => escape(`${label}: ${percent(share)}.`)).join(' ')}</desc>
  <style>
    text { font: 13px system-ui, sans-serif; fill: #1f2328; }
    .heading { font-weight: 600; font-size: 15px; }
    .note { fill: #59636e; font-size: 12px; }
    .ours { font-weight: 600; }
    rect { fill: #8c959f; }
    rect.ours { fill: #0969da; }
    @media (prefers-color-scheme: dark) {
      text { fill: #f0f6fc; }
      .note { fill: #9198a1; }
      rect { fill: #656c76; }
      rect.ours { fill: #4493f8; }
    }
  </style>
  <text class="heading" x="0" y="18">${escape(title)}</text>
  <text class="note" x="0" y="38">${escape(description)}</text>
${sorted.map(barOf).join('\n')}
</svg>
`;
}

function barOf({ label, share, isOurs }, i) {
  const y = TOP + i * ROW;
  const length = Math.max(1, (WIDTH - LABELS - VALUES) * Math.min(1, share));
  const kind = isOurs ? ' class="ours"' : '';
  return `  <text${kind} x="${LABELS - 10}" y="${y + 15}" text-anchor="end">${escape(label)}</text>
  <rect${kind} x="${LABELS}" y="${y + 2}" width="${length.toFixed(1)}" height="${ROW - 8}" rx="2" />
  <text${kind} x="${(LABELS + length + 8).toFixed(1)}" y="${y + 15}">${percent(share)}</text>`;
}

function percent(share) {
  return `${Math.round(share * 100)} %`;
}

function escape(text) {
  return text.replace(
    /[&<>"]/g,
    (character) => `&#${character.codePointAt(0)};`,
  );
}
