/**
 * Runs the attacks one after the other. Whether one has succeeded is told by what the application counted meanwhile
 * (`/demo/counts`, a demo aid that every page may read), or by what it has stolen.
 */
import { ATTACKS } from './attacks.js';
import { createWeapons } from './weapons.js';

const PATIENCE_MILLISECONDS = 3000;
const STATE = ['changes', 'signIns', 'signOuts', 'pages'];

const byId = (id) => document.getElementById(id);
const { searchParams, hostname, port } = new URL(location.href);
const target = new URL(
  searchParams.get('target') ?? `http://notes.localhost:${port - 1}`,
);
const isSibling = hostname.endsWith(`.${target.hostname}`);

const rows = ATTACKS.map((attack) => {
  const item = byId('row').content.firstElementChild.cloneNode(true);
  item.querySelector('.title').textContent = attack.title;
  item.querySelector('.how').textContent = attack.how;
  byId('attacks').append(item);
  return { attack, item };
});

async function readCounts() {
  const response = await fetch(`${target.origin}/demo/counts`, {
    cache: 'no-store',
  });
  return response.json();
}

const answers = ({ foreign }) =>
  Object.values(foreign).reduce((a, b) => a + b, 0);

/** The counts once the application has answered what was sent; `undefined` when nothing has arrived. */
async function countsAfter(before) {
  const end = performance.now() + PATIENCE_MILLISECONDS;
  while (performance.now() < end) {
    const now = await readCounts();
    if (answers(now) > answers(before)) return now;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return undefined;
}

async function run({ attack, item }, weapons) {
  item.dataset.verdict = 'running';
  item.querySelector('.verdict').textContent = 'trying';
  const before = await readCounts();
  let loot;
  let trouble = '';
  try {
    loot = await attack.run(weapons);
  } catch (error) {
    // What a script learns of an answer that it may not see.
    trouble =
      error instanceof TypeError ? 'blocked by the browser' : error.message;
  }
  const arrived = attack.arrives === false || (await countsAfter(before));
  const after = await readCounts();
  const gained = STATE.filter((name) => after[name] !== before[name]);
  const hasSucceeded = typeof loot === 'string' || gained.length > 0;
  const statuses = Object.keys(after.foreign).filter(
    (status) => after.foreign[status] !== before.foreign[status],
  );
  const verdict = hasSucceeded ? 'succeeded' : arrived ? 'refused' : 'not sent';
  item.dataset.verdict = verdict.replace(' ', '-');
  item.querySelector('.verdict').textContent = verdict;
  item.querySelector('.came-back').textContent = [
    statuses.length > 0 && `answered ${statuses.join(', ')}`,
    trouble,
    typeof loot === 'string' && 'content was read',
    gained.length > 0 && `counted: ${gained.join(', ')}`,
  ]
    .filter(Boolean)
    .join(', ');
  return verdict;
}

byId('attack').addEventListener('click', async () => {
  // Once per click a page may open a window.
  const popup = window.open('', 'prize', 'popup,width=480,height=320');
  const weapons = createWeapons(target.origin, popup && { name: 'prize' });
  byId('attack').disabled = true;
  say('Trying', 'none');
  try {
    const start = await readCounts();
    const verdicts = [];
    for (const row of rows) {
      row.item.scrollIntoView({ block: 'nearest' });
      verdicts.push(await run(row, weapons));
      showAchieved(start, await readCounts());
    }
    const count = (verdict) =>
      verdicts.filter((each) => each === verdict).length;
    const others = verdicts.length - count('refused') - count('succeeded');
    say(
      `${count('refused')} of ${verdicts.length} refused, ${count('succeeded')} succeeded` +
        (others > 0 ? `, ${others} not sent` : ''),
      count('succeeded') > 0 ? 'gone' : 'fresh',
    );
  } catch {
    say('The application is not responding.', 'gone');
  } finally {
    byId('stage').replaceChildren();
    popup?.close();
    byId('attack').disabled = false;
  }
});

function showAchieved(start, now) {
  for (const name of ['changes', 'signIns', 'signOuts']) {
    byId(name).textContent = now[name] - start[name];
  }
}

function say(text, tone) {
  byId('summary').textContent = text;
  byId('summary').dataset.tone = tone;
}

byId('here').textContent = location.host;
byId('target').textContent = target.host;
byId('target').href = target.origin;
byId('relation').textContent = isSibling
  ? 'a sibling: same site, different origin'
  : 'another site';
