/**
 * The page of the owner. No code here knows of the binding: the browser registers its key after the sign-in, and refreshes
 * the session before a request that needs it.
 */
import { SessionClient } from '/files/session/index.js';
import { askForPassword, post } from './password.js';

const PAUSE_MILLISECONDS = 1000;
const byId = (id) => document.getElementById(id);

let polling;
let tokenEndsAt;

const client = new SessionClient({
  onSessionEnded: () => {
    showSignedOut();
    say('You were signed out.');
  },
  onReauthenticate: () =>
    askForPassword((password) => post(client, '/password', { password })),
});

/** Asks for the account. The polling is no activity of the user. */
async function showAccount({ passive }) {
  try {
    const response = await client.fetch('/account', { passive });
    byId('answer').textContent = response.status;
    if (response.ok) showSignedIn(await response.json());
    else if (response.status === 401) showSignedOut();
  } catch {
    say('The server is not responding.');
  }
}

/** One request at a time; `aria-busy` says whether one is in flight. */
let turn = Promise.resolve();
function ask(options) {
  turn = turn.then(async () => {
    document.body.setAttribute('aria-busy', 'true');
    await showAccount(options);
    document.body.setAttribute('aria-busy', 'false');
  });
  return turn;
}

function poll(isOn) {
  clearInterval(polling);
  polling = isOn
    ? setInterval(() => ask({ passive: true }), PAUSE_MILLISECONDS)
    : undefined;
}

function showSignedIn({ name, isBound, tokenEndsAt: end, paid }) {
  show(true);
  byId('name').textContent = name;
  byId('bound').textContent = isBound ? 'bound' : 'not bound';
  byId('paid').textContent = paid;
  tokenEndsAt = end;
  showEnd();
}

function showEnd() {
  const seconds = Math.max(0, tokenEndsAt - Math.floor(Date.now() / 1000));
  byId('end').textContent = `${seconds} s`;
}

function showSignedOut() {
  poll(false);
  show(false);
}

function show(isSignedIn) {
  byId('signed-out').hidden = isSignedIn;
  for (const element of document.querySelectorAll('.signed-in')) {
    element.hidden = !isSignedIn;
  }
}

function say(text) {
  byId('notice').textContent = text;
  byId('notice').hidden = !text;
}

/** Starts for a session that the browser has, or shows the form. */
async function start() {
  const response = await client.fetch('/session');
  if (!response.ok) {
    showSignedOut();
    return;
  }
  await ask({ passive: false });
  poll(byId('polling').ariaPressed === 'true');
}

// ---------------------------------------------------------------- the owner

byId('login').addEventListener('submit', async (event) => {
  event.preventDefault();
  const form = event.target;
  const { password } = Object.fromEntries(new FormData(form));
  const refusal = await post(client, '/login', { password });
  say(refusal ?? '');
  if (refusal === undefined) {
    form.reset();
    client.use();
    await start();
  }
});

byId('ask').addEventListener('click', () => ask({ passive: false }));

byId('polling').addEventListener('click', ({ target }) => {
  const isOn = target.ariaPressed !== 'true';
  target.ariaPressed = String(isOn);
  poll(isOn);
});

byId('pay').addEventListener('click', async () => {
  const response = await client.fetch('/payments', { method: 'POST' });
  say(response.ok ? '' : 'Nothing was paid.');
  if (response.ok) byId('paid').textContent = (await response.json()).paid;
});

byId('sign-out').addEventListener('click', async () => {
  await client.signOut();
  say('');
});

// ---------------------------------------------------------------- the thief

byId('theft').addEventListener('click', () =>
  client.fetch('/demo/theft', { method: 'POST' }),
);

const log = new EventSource('/demo/log');
log.onopen = () => byId('log').replaceChildren();
log.onmessage = ({ data }) => {
  const { entry, thief } = JSON.parse(data);
  if (entry) byId('log').prepend(row(entry));
  if (thief) {
    byId('thief').textContent = thief.isIn ? 'in' : 'out';
    byId('thief').dataset.tone = thief.isIn ? 'gone' : 'fresh';
    byId('accepted').textContent = thief.accepted;
  }
};

function row({ at, by, text }) {
  const item = document.createElement('li');
  item.dataset.by = by;
  const time = document.createElement('time');
  time.textContent = new Date(at).toLocaleTimeString('en-GB');
  const who = document.createElement('strong');
  who.textContent = by === 'thief' ? 'Thief' : 'Event';
  item.append(time, who, text);
  return item;
}

setInterval(showEnd, PAUSE_MILLISECONDS);
await start();
