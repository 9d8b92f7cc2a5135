/** Evaluates a CPU profile: where the time went, and how much of it is ours. */
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../../../', import.meta.url).href;
const OURS = 'nestjs-session-jwt';
/** The first match wins. C++ code has no address and belongs to its caller. */
const OWNERS = [
  [OURS, (url) => url.startsWith(`${ROOT}dist/`)],
  ['Nest', packageIs(/^(@nestjs\/(?!platform)|reflect-metadata|rxjs)/)],
  [
    'Fastify',
    packageIs(
      /^(@nestjs\/platform-fastify|@?fastify|find-my-way|toad-cache|avvio|fast-)/,
    ),
  ],
  ['Express', packageIs(/^(@nestjs\/platform-express|express|router)/)],
  ['other packages', (url) => packageOf(url) !== undefined],
  ['the benchmark', (url) => url.startsWith(ROOT)],
  ['Node: cryptography', (url) => url.startsWith('node:internal/crypto')],
  [
    'Node: HTTP and sockets',
    (url) =>
      /^node:(_?http|net|_?stream|internal\/(http|net|stream))/.test(url),
  ],
  ['Node: other', (url) => url.startsWith('node:')],
];
const TOP = 5;
/** The smallest share that a table lists. */
const NAMED = 0.005;

/**
 * Returns shares, 0 to 1, of the time in which the process was busy.
 *
 * @param profile in the format of the inspector
 * @returns `owners`: the time in their code, including C++ that it calls; `ours` and `oursWithCalls`: without and with
 *   everything that our code calls; `functions`: the self time of our functions
 */
export function summarizeProfile(profile) {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(
    profile.nodes.flatMap(({ id, children = [] }) =>
      children.map((child) => [child, id]),
    ),
  );
  const stackOf = (id) =>
    id === undefined
      ? []
      : [nodes.get(id).callFrame, ...stackOf(parents.get(id))];
  const owners = {};
  const functions = {};
  let [total, withCalls] = [0, 0];
  profile.samples.forEach((id, i) => {
    const stack = stackOf(id);
    const owner = ownerOf(stack);
    if (owner === undefined) {
      return;
    }
    const time = profile.timeDeltas[i];
    total += time;
    add(owners, owner, time);
    withCalls += stack.some(({ url }) => ownerOfUrl(url) === OURS) ? time : 0;
    if (owner === OURS) {
      add(functions, nameOf(stack.find(({ url }) => url)), time);
    }
  });
  const share = (time) => Math.round((10_000 * time) / total) / 10_000;
  return {
    owners: sharesOf(owners, share),
    ours: share(owners[OURS] ?? 0),
    oursWithCalls: share(withCalls),
    functions: sharesOf(functions, share),
  };
}

/** Markdown of `{ title: summary }`. */
export function toProfileReport(profiles) {
  const summaries = Object.values(profiles);
  const titles = Object.keys(profiles);
  const tableOf = (heading, names, sharesIn, format = String) =>
    [
      [heading, ...titles],
      ['---', ...titles.map(() => '--:')],
      ...names.map((name) => [
        format(name),
        ...summaries.map((summary) => percent(sharesIn(summary)[name] ?? 0)),
      ]),
    ]
      .map((cells) => `| ${cells.join(' | ')} |`)
      .join('\n');
  const largest = (sharesIn, count) => [
    ...new Set(
      summaries.flatMap((summary) =>
        Object.entries(sharesIn(summary))
          .filter(([, share]) => share >= NAMED)
          .map(([name]) => name)
          .slice(0, count),
      ),
    ),
  ];
  const owners = ({ owners: shares }) => shares;
  const functions = ({ functions: shares }) => shares;
  return `${Object.entries(profiles)
    .map(
      ([title, { ours, oursWithCalls }]) =>
        `- ${title}: our share is **${percent(ours)}**, or ${percent(oursWithCalls)} including what it calls`,
    )
    .join('\n')}

${tableOf('owner', largest(owners), owners)}

${tableOf('our function, self time', largest(functions, TOP), functions, code)}
`;
}

/** Returns `undefined` while the process waits. */
function ownerOf(stack) {
  const [{ functionName }] = stack;
  if (functionName === '(idle)') {
    return undefined;
  }
  if (functionName === '(garbage collector)') {
    return 'V8: garbage collection';
  }
  const caller = stack.find(({ url }) => url);
  return (
    (caller && ownerOfUrl(caller.url)) ?? 'Node and system, outside JavaScript'
  );
}

function ownerOfUrl(url) {
  return OWNERS.find(([, fits]) => fits(url))?.[0];
}

function packageIs(pattern) {
  return (url) => pattern.test(packageOf(url) ?? '');
}

function packageOf(url) {
  return [...url.matchAll(/node_modules\/((?:@[^/]+\/)?[^/]+)/g)].at(-1)?.[1];
}

function nameOf({ functionName, url, lineNumber }) {
  const path = fileURLToPath(url).slice(fileURLToPath(ROOT).length);
  return `${functionName || '(anonymous)'} (${path}:${lineNumber + 1})`;
}

function code(name) {
  return `\`${name}\``;
}

function sharesOf(times, share) {
  return Object.fromEntries(
    Object.entries(times)
      .toSorted(([, a], [, b]) => b - a)
      .map(([name, time]) => [name, share(time)]),
  );
}

function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

function add(times, name, time) {
  times[name] = (times[name] ?? 0) + time;
}
