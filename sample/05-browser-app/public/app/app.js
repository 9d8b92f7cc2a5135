/**
 * Notes of whoever is signed in. Requests go through the client, which refreshes the session; what has changed comes
 * through a WebSocket. The page never sees a token of the session.
 */
import { SessionClient } from '/files/client/index.js';
import { showList } from './lists.js';
import { createLive } from './live.js';
import { watchRefreshes } from './refreshes.js';

const byId = (id) => document.getElementById(id);

let refreshes = 0;
let isSignedIn = false;
/** Whether it was this tab that signed out. */
let isLeaving = false;

const client = new SessionClient({
  csrf: { header: 'X-XSRF-TOKEN', cookie: 'XSRF-TOKEN' },
  fetch: watchRefreshes('XSRF-TOKEN', showRefresh),
  onSessionEnded: () => {
    log(isLeaving ? 'Signed out' : 'Signed out elsewhere', 'gone');
    showSignedOut();
  },
});

const live = createLive({
  message: ({ notes, devices }) => {
    if (notes) showNotes(notes);
    if (devices) void refreshDevices();
  },
  state: showConnection,
  ended: () => void start(),
});

/** Asks for the session, which refreshes it where that is due, and connects. */
async function start() {
  try {
    const response = await client.fetch('/session', { cache: 'no-store' });
    if (response.ok) {
      client.use();
      showSession(await response.json());
      live.open();
      await refreshDevices();
    } else if (response.status === 401) {
      showSignedOut();
    } else {
      throw new Error(String(response.status));
    }
  } catch {
    say('The server is not responding. Retrying.');
    setTimeout(start, 2000);
  }
}

/** A button: one request. What it has changed comes through the connection. */
async function act(method, path, body) {
  say('');
  try {
    const response = await client.fetch(path, {
      method,
      ...(body && {
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(body),
      }),
    });
    if (!response.ok && response.status !== 401) {
      const { message } = await response.json();
      say(`${response.status}: ${message}`);
    }
    return response.ok;
  } catch {
    say('The server is not responding.');
    return false;
  }
}

// ---------------------------------------------------------------- session

byId('login').addEventListener('submit', async (event) => {
  event.preventDefault();
  if (await act('POST', '/login', { user: event.submitter.value })) {
    client.use();
    log('Signed in', 'fresh');
    await start();
    byId('name').focus();
  }
});

byId('sign-out').addEventListener('click', async () => {
  isLeaving = true;
  await client.signOut().catch(() => say('The server is not responding.'));
  isLeaving = false;
  byId('sign-in').focus();
});

/** What is left of the session token, by the clock of this machine. */
let expiresAt = 0;
let lifetime = 1;

function showSession({ data, expiresAt: end }) {
  view(true);
  byId('name').textContent = data.name;
  expiresAt = Date.parse(end);
  lifetime = Math.max(lifetime, expiresAt - Date.now());
  showTimeLeft();
}

function showSignedOut() {
  live.close();
  view(false);
  byId('notes').replaceChildren();
  byId('devices').replaceChildren();
}

function view(signedIn) {
  isSignedIn = signedIn;
  byId('signed-out').hidden = signedIn;
  for (const section of document.querySelectorAll('.signed-in')) {
    section.hidden = !signedIn;
  }
}

function showRefresh(by) {
  refreshes += 1;
  byId('refreshes').textContent =
    refreshes === 1 ? '1 time' : `${refreshes} times`;
  log(
    by === 'another tab' ? 'Refreshed by another tab' : `Refreshed with ${by}`,
    'fresh',
  );
}

function showConnection(isOpen) {
  byId('live').textContent = isOpen ? 'Connected' : 'Connecting';
  byId('live').dataset.tone = isOpen ? 'fresh' : 'none';
}

function showTimeLeft() {
  const left = Math.max(0, expiresAt - Date.now());
  byId('left').textContent = left
    ? `${Math.ceil(left / 1000)} s left`
    : 'expired';
  byId('progress').max = lifetime;
  byId('progress').value = left;
}
setInterval(() => isSignedIn && showTimeLeft(), 1000);

// ---------------------------------------------------------------- notes

byId('add').addEventListener('submit', async (event) => {
  event.preventDefault();
  const { text } = event.target.elements;
  const sent = text.value;
  const isAdded = await act('POST', '/notes', { text: sent });
  // Not what was typed meanwhile.
  if (isAdded && text.value === sent) event.target.reset();
});

byId('clear').addEventListener('click', () => act('POST', '/notes/clear'));

function showNotes(notes) {
  byId('no-notes').hidden = notes.length > 0;
  byId('clear').hidden = notes.length === 0;
  showList('notes', 'note', notes, (item, { id, text }) => {
    const form = item.querySelector('form');
    const field = form.elements.text;
    const save = item.querySelector('.save');
    const remove = item.querySelector('.delete');
    // What somebody is typing stays.
    if (save.hidden || field.value === text) {
      field.value = text;
      save.hidden = true;
    }
    field.setAttribute('aria-label', `Text of the note ${text}`);
    field.oninput = () => (save.hidden = field.value === text);
    save.setAttribute('aria-label', `Save the note ${text}`);
    remove.setAttribute('aria-label', `Delete the note ${text}`);
    remove.onclick = () => act('DELETE', `/notes/${id}`);
    form.onsubmit = async (event) => {
      event.preventDefault();
      if (await act('PATCH', `/notes/${id}`, { text: field.value }))
        save.hidden = true;
    };
  });
}

// ---------------------------------------------------------------- devices

byId('end-others').addEventListener('click', () =>
  act('DELETE', '/session/devices/others'),
);

async function refreshDevices() {
  const response = await client.fetch('/session/devices');
  if (!response.ok) return;
  const devices = await response.json();
  byId('end-others').hidden = devices.length === 1;
  const inOrder = devices.toSorted(
    (a, b) =>
      b.isCurrent - a.isCurrent || b.createdAt.localeCompare(a.createdAt),
  );
  showList('devices', 'device', inOrder, (item, device) => {
    const { id, isCurrent, metadata, createdAt } = device;
    const end = item.querySelector('button');
    item.querySelector('.title').textContent = metadata.userAgent;
    item.querySelector('.chip').hidden = !isCurrent;
    item.querySelector('.hint').textContent =
      `Signed in at ${new Date(createdAt).toLocaleTimeString()}`;
    end.textContent = 'End';
    end.hidden = isCurrent;
    end.setAttribute('aria-label', `End the session on ${metadata.userAgent}`);
    end.onclick = () => act('DELETE', `/session/devices/${id}`);
  });
}

// ---------------------------------------------------------------- small things

function log(text, tone) {
  const item = document.createElement('li');
  const time = document.createElement('time');
  const now = new Date();
  time.dateTime = now.toISOString();
  time.textContent = now.toLocaleTimeString('en-GB');
  item.dataset.tone = tone;
  item.append(time, text);
  byId('log').prepend(item);
}

function say(text) {
  byId('notice').textContent = text;
  byId('notice').hidden = !text;
}

await start();
