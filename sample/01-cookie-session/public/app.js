/**
 * The page asks `GET /me` once a second and shows what comes back. It never touches the cookie: the
 * browser sends it, and the server re-issues it, without any help from here.
 */

const POLL_MILLISECONDS = 1000;
const BAR_CUT = 0.72; // where in the bar the reload is due, as in style.css

const byId = (id) => document.getElementById(id);

/** The last answer of `GET /me`, and of `GET /demo`. */
let me;
let database = { isUp: true, users: [] };

// ---------------------------------------------------------------- requests

async function request(path, { method = 'GET', body, signal } = {}) {
  const response = await fetch(path, {
    method,
    signal,
    cache: 'no-store',
    headers: body && { 'Content-Type': 'application/json' },
    body: body && JSON.stringify(body),
  });
  const text = await response.text();
  return { response, body: text ? JSON.parse(text) : undefined };
}

/** A button: one POST, then look at the result at once. */
async function act(path, body) {
  showError('');
  try {
    const { response, body: answer } = await request(path, {
      method: 'POST',
      body,
    });
    if (!response.ok && response.status !== 401) {
      showError(`${response.status}: ${answer?.message ?? 'refused'}`);
    }
    return response;
  } catch {
    showError('The server is not responding.');
  } finally {
    await Promise.all([refreshMe(), refreshDatabase()]);
  }
}

// ---------------------------------------------------------------- polling

let timer;
let running = new AbortController();

/** Asks who is signed in. A newer call replaces one that is still under way. */
async function refreshMe() {
  clearTimeout(timer);
  running.abort();
  running = new AbortController();
  const { signal } = running;
  try {
    const { response, body } = await request('/me', { signal });
    if (signal.aborted) return;
    show(response, body);
  } catch {
    if (signal.aborted) return;
    showState('stale', 'No connection');
    again(POLL_MILLISECONDS);
  }
}

function again(milliseconds) {
  clearTimeout(timer);
  timer = setTimeout(() => {
    // A hidden page asks nothing, so that its session may grow old.
    if (!document.hidden) void refreshMe();
  }, milliseconds);
}

document.addEventListener('visibilitychange', () => {
  if (!document.hidden && document.body.dataset.state !== 'signed-out') {
    void refreshMe();
  }
});

function show(response, body) {
  if (response.ok) {
    me = body;
    showSession();
    again(POLL_MILLISECONDS);
  } else if (response.status === 401) {
    showSignedOut();
  } else if (response.status === 503) {
    const seconds = Number(response.headers.get('Retry-After')) || 1;
    showUnavailable();
    again(seconds * 1000);
  } else {
    showState('stale', `Unexpected status ${response.status}`);
    again(POLL_MILLISECONDS);
  }
}

// ---------------------------------------------------------------- this browser

function showSession() {
  const { user, reloadAfterSeconds, maxStaleSeconds } = me;
  const age = (Date.parse(me.now) - Date.parse(me.loadedAt)) / 1000;
  const isStale = age >= reloadAfterSeconds;

  view('signed-in');
  byId('farewell').hidden = true;
  document.documentElement.dataset.theme = me.theme;
  byId('avatar').textContent = initials(user.name);
  byId('avatar').dataset.user = user.id;
  byId('name').textContent = user.name;
  byId('email').textContent = user.email;
  byId('role').textContent = user.role;
  byId('signed-in-at').textContent = clockTime(me.signedInAt);
  byId('loaded-at').textContent = clockTime(me.loadedAt);
  byId('expires-at').textContent = new Date(me.expiresAt).toLocaleDateString(
    undefined,
    { day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' },
  );
  for (const radio of byId('theme').querySelectorAll('input')) {
    radio.checked = radio.value === me.theme;
  }

  showState(isStale ? 'stale' : 'fresh', isStale ? 'Old data' : 'Fresh');
  showAge(age);
  byId('explain').textContent = isStale
    ? `The reload failed. The old data is valid for another ${reloadAfterSeconds + maxStaleSeconds - age} s.`
    : `The first request after ${reloadAfterSeconds} s, or up to a tenth earlier, reloads the data.`;
  showDifference();
}

function showUnavailable() {
  showState('unavailable', '503, unavailable');
  if (!me) {
    view('unknown'); // this page was opened in the middle of it
    return;
  }
  view('signed-in');
  showAge(me.reloadAfterSeconds + me.maxStaleSeconds, 'too old');
  byId('explain').textContent =
    'The data is too old to use and the database is not responding. The cookie is unchanged: you are still signed in.';
}

function showSignedOut() {
  const farewell = byId('farewell');
  if (me) {
    farewell.textContent = `The session of ${me.user.name} has ended.`;
    farewell.hidden = false;
  }
  me = undefined;
  delete document.documentElement.dataset.theme;
  showState('signed-out', 'Signed out');
  view('signed-out');
}

function showState(state, text) {
  document.body.dataset.state = state;
  const tone = { fresh: 'fresh', stale: 'stale', unavailable: 'gone' }[state];
  say(byId('state'), text, tone);
}

/** The bar: up to its cut the reload is not due, behind it old data is kept for a while. */
function showAge(age, text = `${age} s`) {
  const { reloadAfterSeconds, maxStaleSeconds } = me;
  const late = Math.max(0, age - reloadAfterSeconds) / maxStaleSeconds;
  const share =
    Math.min(1, age / reloadAfterSeconds) * BAR_CUT +
    Math.min(1, late) * (1 - BAR_CUT);
  const fill = byId('fill');
  fill.classList.toggle('moving', share > Number(fill.dataset.share ?? 1));
  fill.dataset.share = share;
  fill.style.transform = `scaleX(${share})`;

  const bar = byId('bar');
  bar.setAttribute('aria-valuemax', reloadAfterSeconds + maxStaleSeconds);
  bar.setAttribute('aria-valuenow', age);
  bar.setAttribute('aria-valuetext', text);
  byId('age').textContent = text;
  byId('scale-reload').textContent = `reload at ${reloadAfterSeconds} s`;
  byId('scale-end').textContent =
    `503 at ${reloadAfterSeconds + maxStaleSeconds} s`;
}

/** What the database says by now, where the session does not know it yet. */
function showDifference() {
  const row = database.users.find(({ id }) => id === me?.user.id);
  const now = row?.disabled ? 'disabled' : row?.role;
  byId('differs').textContent =
    row && now !== me.user.role ? `in the database: ${now}` : '';
}

function view(name) {
  const left = document.activeElement?.closest('[data-view]');
  for (const element of document.querySelectorAll('[data-view]')) {
    element.hidden = element.id !== name;
  }
  // Whoever used the keyboard goes on where the page does.
  if (left?.hidden) byId(name).querySelector('button')?.focus();
}

function showError(text) {
  byId('error').textContent = text;
  byId('error').hidden = !text;
  if (text) byId('error').scrollIntoView({ block: 'nearest' });
}

byId('reload').addEventListener('click', () => act('/me/reload'));
byId('logout').addEventListener('click', () => act('/logout'));
byId('logout-everywhere').addEventListener('click', () =>
  act('/logout-everywhere'),
);
byId('theme').addEventListener('change', ({ target }) =>
  act('/me/theme', { theme: target.value }),
);

// ---------------------------------------------------------------- the database

async function refreshDatabase() {
  try {
    ({ body: database } = await request('/demo'));
  } catch {
    return; // no connection: the page goes on with what it knows
  }
  showPeople();
  showRows();
  if (me) showDifference();
}

function showPeople() {
  keep('people', 'person', ({ id, name }, item) => {
    item.querySelector('.avatar').textContent = initials(name);
    item.querySelector('.avatar').dataset.user = id;
    item.querySelector('.label').textContent = name;
    item.querySelector('button').onclick = async () => {
      const response = await act('/login', { user: id });
      if (response?.status === 401) showError(`${name} cannot sign in.`);
    };
  });
}

function showRows() {
  keep('rows', 'row', (user, item) => {
    const path = `/demo/users/${user.id}`;
    const toggle = item.querySelector('.toggle');
    const nextRole = item.querySelector('.next-role');
    item.querySelector('.row-name').textContent = user.name;
    item.querySelector('.chip').textContent = user.role;
    item.querySelector('.disabled').hidden = !user.disabled;
    nextRole.setAttribute('aria-label', `Change role of ${user.name}`);
    nextRole.onclick = () => act(`${path}/next-role`);
    toggle.textContent = user.disabled ? 'Enable' : 'Disable';
    toggle.setAttribute('aria-label', `${toggle.textContent} ${user.name}`);
    toggle.onclick = () =>
      act(`${path}/${user.disabled ? 'enable' : 'disable'}`);
  });
  const { isUp } = database;
  say(byId('database-state'), isUp ? 'Up' : 'Down', isUp ? 'fresh' : 'gone');
  byId('database-switch').textContent = isUp
    ? 'Take the database down'
    : 'Bring the database back';
}

byId('database-switch').addEventListener('click', () =>
  act(`/demo/database/${database.isUp ? 'down' : 'up'}`),
);

/** One list item per user, made once, so that a focused button stays focused. */
function keep(listId, templateId, fill) {
  const list = byId(listId);
  for (const [index, user] of database.users.entries()) {
    const item =
      list.children[index] ??
      list.appendChild(
        byId(templateId).content.firstElementChild.cloneNode(true),
      );
    fill(user, item);
  }
}

// ---------------------------------------------------------------- events

const TONES = {
  created: 'fresh',
  reloaded: 'fresh',
  loaderFailed: 'stale',
  ended: 'gone',
  rejected: 'gone',
  TOKEN_MISSING: 'none', // nobody is signed in: no harm done
};

function showEntry({ at, source, text, code, detail, session }) {
  const log = byId('log');
  const key = [source, text, code, detail, session].join();
  const newest = log.firstElementChild;
  const isRepeated = newest?.dataset.key === key;
  const item = isRepeated
    ? newest
    : byId('entry').content.firstElementChild.cloneNode(true);
  const count = isRepeated ? Number(item.dataset.count) + 1 : 1;
  item.dataset.key = key;
  item.dataset.count = count;
  item.dataset.source = source;
  item.dataset.tone = TONES[code ?? text] ?? TONES[text] ?? 'none';
  item.querySelector('time').dateTime = at;
  item.querySelector('time').textContent = clockTime(at);
  item.querySelector('.what').textContent = text;
  item.querySelector('.code').textContent = detail ?? code ?? '';
  item.querySelector('.session').textContent = session?.slice(0, 8) ?? '';
  item.querySelector('.times').textContent = count > 1 ? `× ${count}` : '';
  if (!isRepeated) log.prepend(item);
}

const stream = new EventSource('/events');
stream.addEventListener('open', () => {
  byId('log').replaceChildren(); // the server sends its recent entries again
  say(byId('stream-state'), 'Live', 'fresh');
});
stream.addEventListener('error', () =>
  say(byId('stream-state'), 'Reconnecting', 'stale'),
);
stream.addEventListener('message', ({ data }) => {
  const entry = JSON.parse(data);
  showEntry(entry);
  if (entry.source === 'database') void refreshDatabase();
});

// ---------------------------------------------------------------- small things

function say(element, text, tone = 'none') {
  if (element.textContent !== text) element.textContent = text; // a status is read out when it changes
  element.dataset.tone = tone;
}

function initials(name) {
  return name.replace(/(\w)\w*\s*/g, '$1');
}

function clockTime(instant) {
  return new Date(instant).toLocaleTimeString(undefined, { hourCycle: 'h23' });
}

await Promise.all([refreshMe(), refreshDatabase()]);
