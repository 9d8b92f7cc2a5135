/** What a CPU profile says: where the time went, and how much of it is ours. */
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../../../', import.meta.url).href;
const TOP = 15;
const OURS = 'nestjs-session-jwt';

/** Markdown of a profile in the format of the inspector. */
export function toProfileReport(profile) {
  const nodes = new Map(profile.nodes.map((node) => [node.id, node]));
  const parents = new Map(
    profile.nodes.flatMap(({ id, children = [] }) =>
      children.map((child) => [child, id]),
    ),
  );
  const areas = new Map();
  const functions = new Map();
  const ourFunctions = new Map();
  let [total, ours] = [0, 0];
  profile.samples.forEach((id, i) => {
    const { callFrame } = nodes.get(id);
    const area = areaOf(callFrame);
    if (area === undefined) {
      return;
    }
    const time = profile.timeDeltas[i];
    total += time;
    add(areas, area, time);
    add(functions, nameOf(callFrame), time);
    // Each once, however often it is on the stack.
    const entered = new Set();
    for (let at = id; at !== undefined; at = parents.get(at)) {
      const frame = nodes.get(at).callFrame;
      if (areaOf(frame) === OURS) {
        entered.add(nameOf(frame));
      }
    }
    ours += entered.size > 0 ? time : 0;
    entered.forEach((name) => add(ourFunctions, name, time));
  });
  const share = (time) => `${((100 * time) / total).toFixed(1)} %`;
  const table = (heading, times) =>
    [
      `| ${heading} | share |`,
      '| --- | --: |',
      ...[...times]
        .toSorted(([, a], [, b]) => b - a)
        .slice(0, TOP)
        .map(([name, time]) => `| ${name} | ${share(time)} |`),
    ].join('\n');
  return `Of the time that the process was busy, ${share(areas.get(OURS) ?? 0)} was spent in code of nestjs-session-jwt itself and ${share(ours)} in it and what it called.

${table('self time by package', areas)}

${table('self time by function', functions)}

${table('function of ours, with what it calls', ourFunctions)}
`;
}

/** Nothing for a process that waits. */
function areaOf({ functionName, url }) {
  const packages = [...url.matchAll(/node_modules\/((?:@[^/]+\/)?[^/]+)/g)].at(
    -1,
  );
  if (packages) {
    return packages[1];
  }
  if (url.startsWith('node:')) {
    return 'Node';
  }
  if (url.startsWith(`${ROOT}dist/`)) {
    return OURS;
  }
  if (url.startsWith(ROOT)) {
    return 'the benchmark';
  }
  if (functionName === '(idle)') {
    return undefined;
  }
  return functionName === '(garbage collector)'
    ? 'garbage collection'
    : 'system and native code';
}

function nameOf({ functionName, url, lineNumber }) {
  const name = functionName || '(anonymous)';
  if (!url) {
    return name;
  }
  const path = url.startsWith('file:')
    ? fileURLToPath(url).slice(fileURLToPath(ROOT).length)
    : url;
  return `${name} (${path.replace(/.*node_modules\//, '')}:${lineNumber + 1})`;
}

function add(times, name, time) {
  times.set(name, (times.get(name) ?? 0) + time);
}
