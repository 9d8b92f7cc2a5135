/**
 * The page asks `GET /devices` every two seconds, so it notices when its own session was ended elsewhere. It
 * never touches the cookie. What clients said of themselves is shown as text, never as HTML.
 */

const POLL_MILLISECONDS = 2000;

const byId = (id) => document.getElementById(id);

/** Whether the last answer had a session. */
let wasSignedIn = false;
let timer;
let running = new AbortController();

async function request(path, body, signal) {
  const response = await fetch(path, {
    cache: 'no-store',
    signal,
    ...(body && {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
    }),
  });
  const text = await response.text();
  return { response, answer: text ? JSON.parse(text) : undefined };
}

/** A button: one POST, then look at the result at once. */
async function act(path, body, done = '') {
  try {
    const { response, answer } = await request(path, body);
    const { ok, status } = response;
    // 404: it had ended already, which is what was asked for. 401: the next answer says so.
    if (ok || status === 404) say(done);
    else if (status !== 401) say(`${status}: ${answer?.message ?? 'refused'}`);
  } catch {
    say('The server is not responding.');
  }
  await refresh();
}

// ---------------------------------------------------------------- polling

/** Asks for the devices. A newer call replaces one that is still under way. */
async function refresh() {
  clearTimeout(timer);
  running.abort();
  running = new AbortController();
  const { signal } = running;
  let wait = POLL_MILLISECONDS;
  try {
    const { response, answer } = await request('/devices', undefined, signal);
    if (signal.aborted) return;
    if (response.ok) {
      keepFocus(() => showDevices(answer));
    } else if (response.status === 401) {
      keepFocus(showSignedOut);
      return;
    } else {
      // 503: the store does not answer, and the cookie is left alone.
      wait = Number(response.headers.get('Retry-After') ?? 1) * 1000;
      showTrouble(
        'Sessions cannot be checked right now. No one is signed out.',
      );
    }
  } catch {
    if (signal.aborted) return;
    showTrouble('The server is not responding.');
  }
  timer = setTimeout(() => document.hidden || refresh(), wait);
}

document.addEventListener('visibilitychange', () => {
  if (!document.hidden && wasSignedIn) void refresh();
});

// ---------------------------------------------------------------- views

function showDevices({ user, devices, server }) {
  wasSignedIn = true;
  view('signed-in');
  byId('name').textContent = user.name;
  byId('count').textContent =
    devices.length === 1 ? '1 session' : `${devices.length} sessions`;
  byId('end-others').hidden = devices.length === 1;
  byId('server').textContent =
    `Kept in ${server.keptIn}, answered by process ${server.process}.`;
  showList(devices);
}

function showSignedOut() {
  view('signed-out');
  if (wasSignedIn) say('This session has ended. You are signed out.');
  wasSignedIn = false;
  byId('devices').replaceChildren();
}

function showTrouble(text) {
  say(text);
  document.body.dataset.state = 'trouble';
}

function view(name) {
  if (document.body.dataset.state === 'trouble') say('');
  document.body.dataset.state = name;
  byId('signed-in').hidden = name !== 'signed-in';
  byId('signed-out').hidden = name !== 'signed-out';
}

/** Whoever used the keyboard goes on at the heading when their button is gone. */
function keepFocus(change) {
  const focused = document.activeElement;
  change();
  if (focused !== document.body && !focused.checkVisibility()) {
    document.querySelector('section:not([hidden]) h2').focus();
  }
}

/**
 * One list item per session, kept while it lives, in an order that does not change: no button moves under
 * the finger that presses it.
 */
function showList(devices) {
  const list = byId('devices');
  const items = devices
    .toSorted(
      (a, b) =>
        b.isThisDevice - a.isThisDevice ||
        b.createdAt.localeCompare(a.createdAt) ||
        a.id.localeCompare(b.id),
    )
    .map((device) => fill(byId(`device-${device.id}`) ?? newItem(), device));
  for (const item of list.querySelectorAll('li')) {
    if (!items.includes(item)) item.remove();
  }
  for (const [index, item] of items.entries()) {
    const there = list.children[index] ?? null;
    if (there !== item) list.insertBefore(item, there);
  }
}

function newItem() {
  return byId('device').content.firstElementChild.cloneNode(true);
}

function fill(item, { id, isThisDevice, metadata, createdAt, lastSeenAt }) {
  const { label, userAgent, ip } = metadata;
  const title = label ?? userAgent;
  const where = label ? [userAgent, ip] : [ip];
  const part = (selector) => item.querySelector(selector);
  item.id = `device-${id}`;
  item.classList.toggle('this', isThisDevice);
  item.classList.toggle('is-phone', /Android|iPhone|iPad/.test(userAgent));
  part('.title').textContent = title;
  part('.chip').hidden = !isThisDevice;
  part('.where').textContent = where.filter(Boolean).join(' · ');
  showTime(part('.created'), createdAt);
  showTime(part('.seen'), lastSeenAt);

  const button = part('button');
  button.textContent = isThisDevice ? 'Sign out' : 'End';
  button.setAttribute(
    'aria-label',
    isThisDevice ? 'Sign out' : `End the session on ${title}`,
  );
  button.onclick = () =>
    isThisDevice
      ? signOut()
      : act('/devices/end', { id }, `The session on ${title} has ended.`);
  return item;
}

function signOut() {
  wasSignedIn = false;
  return act('/logout', {}, 'You are signed out.');
}

byId('end-others').addEventListener('click', () =>
  act('/devices/end-others', {}, 'All other sessions have ended.'),
);

document.querySelector('form').addEventListener('submit', (event) => {
  event.preventDefault();
  const { target, submitter } = event;
  void act('/login', Object.fromEntries(new FormData(target, submitter)));
});

// ---------------------------------------------------------------- small things

function say(text) {
  if (byId('notice').textContent !== text) byId('notice').textContent = text;
  byId('notice').hidden = !text;
}

const UNITS = [
  ['day', 86_400],
  ['hour', 3600],
  ['minute', 60],
];
const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });

/** `3 minutes ago`; the last minute is `just now`, as exact as the server notes it. */
function showTime(element, instant) {
  const seconds = (Date.now() - Date.parse(instant)) / 1000;
  const [unit, size] = UNITS.find(([, least]) => seconds >= least) ?? [];
  element.dateTime = instant;
  element.title = new Date(instant).toLocaleString();
  element.textContent = unit
    ? relative.format(-Math.floor(seconds / size), unit)
    : 'just now';
}

await refresh();
