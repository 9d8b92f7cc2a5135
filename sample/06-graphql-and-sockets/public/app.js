/**
 * Requests go through the session client, which refreshes the session. The two connections are opened with the cookie
 * of that session; when one is closed, the page asks for its session before it reconnects.
 */
import { SessionClient } from '/files/session/index.js';
import { createConnection, SESSION_ENDED } from './connection.js';
import { watchOrders } from './orders.js';

const JITTER_MILLISECONDS = 2000;
const byId = (id) => document.getElementById(id);
const { chat: chatUrl, sockets } = document.documentElement.dataset;
const { joinChat } = await import(`./chat-${sockets}.js`);

/** Whether this tab signs out itself. */
let isLeaving = false;
let reconnecting;

const client = new SessionClient({
  onSessionEnded: () => {
    showSignedOut();
    say(isLeaving ? '' : 'You were signed out.');
  },
});

const orders = createConnection(
  byId('orders-state'),
  (opened, closed) => watchOrders({ opened, closed, changed: showOrders }),
  reconnect,
);
const chat = createConnection(
  byId('chat-state'),
  (opened, closed) =>
    joinChat(chatUrl, {
      opened,
      closed,
      recent: (messages) => {
        byId('chat').replaceChildren();
        for (const message of messages) showMessage(message);
      },
      said: showMessage,
      refused: say,
    }),
  reconnect,
);

/** Asks for the session, which refreshes it if necessary, and opens what is not open. */
async function start({ passive }) {
  try {
    const response = await client.fetch('/session', { passive });
    if (response.ok) {
      const { data } = await response.json();
      say('');
      orders.open();
      chat.open();
      await showSignedIn(data);
    } else if (response.status === 401) {
      showSignedOut();
    } else {
      throw new Error(`The server answered ${response.status}.`);
    }
  } catch {
    say('The server is not responding. Retrying.');
    reconnect();
  }
}

/** A reconnecting page is no activity of its user. Pages of one user do not all come back at the same moment. */
function reconnect(code) {
  clearTimeout(reconnecting);
  reconnecting = setTimeout(
    () => start({ passive: true }),
    code === SESSION_ENDED ? 0 : Math.random() * JITTER_MILLISECONDS,
  );
}

/** Executes an operation. Returns `undefined` after an error, which the page shows. */
async function graphql(query, variables) {
  try {
    const response = await client.fetch('/graphql', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    });
    const { data, errors } = await response.json();
    if (!errors) return data;
    say(errors[0].message);
    if (errors[0].extensions?.code === 'UNAUTHENTICATED') reconnect();
  } catch {
    say('The server is not responding.');
  }
  return undefined;
}

// ---------------------------------------------------------------- session

byId('login').addEventListener('submit', async (event) => {
  event.preventDefault();
  const signIn = 'mutation ($user: ID!) { signIn(user: $user) { id } }';
  if (await graphql(signIn, { user: event.submitter.value })) {
    say('');
    client.use();
    await start({ passive: false });
  }
});

byId('sign-out').addEventListener('click', async () => {
  isLeaving = true;
  await client.signOut().catch(() => say('The server is not responding.'));
  isLeaving = false;
});

async function showSignedIn({ name, role }) {
  show(true);
  byId('name').textContent = name;
  byId('role').textContent = role;
  byId('admin').hidden = role !== 'admin';
  if (role === 'admin') await loadUsers();
}

function showSignedOut() {
  clearTimeout(reconnecting);
  orders.close();
  chat.close();
  show(false);
  byId('admin').hidden = true;
  for (const list of ['orders', 'chat', 'users']) byId(list).replaceChildren();
}

function show(isSignedIn) {
  byId('signed-out').hidden = isSignedIn;
  for (const section of document.querySelectorAll('.signed-in')) {
    section.hidden = !isSignedIn;
  }
}

// ---------------------------------------------------------------- orders and chat

onText('order', async (text) => {
  const place = 'mutation ($item: String!) { placeOrder(item: $item) { id } }';
  return (await graphql(place, { item: text })) !== undefined;
});

onText('say', async (text) => {
  const socket = chat.live();
  socket?.say(text);
  return socket !== undefined;
});

function showOrders(latest) {
  byId('orders').replaceChildren(
    ...latest.map(({ item, orderedBy }) => row(`${item}, for ${orderedBy}`)),
  );
}

function showMessage({ name, role, text }) {
  byId('chat').prepend(row(`${name} (${role}): ${text}`));
}

// ---------------------------------------------------------------- admin

async function loadUsers() {
  const data = await graphql('{ users { id name role } }');
  byId('users').replaceChildren(...(data?.users ?? []).map(userRow));
}

function userRow({ id, name, role }) {
  const item = byId('user').content.firstElementChild.cloneNode(true);
  const other = role === 'admin' ? 'member' : 'admin';
  item.querySelector('strong').textContent = name;
  item.querySelector('.chip').textContent = role;
  const change = item.querySelector('.change');
  change.textContent = `Make ${name} ${other}`;
  change.onclick = async () => {
    await graphql(
      'mutation ($user: ID!, $role: Role!) { setRole(user: $user, role: $role) { id } }',
      { user: id, role: other },
    );
    await loadUsers();
  };
  const end = item.querySelector('.end');
  end.textContent = `Sign ${name} out`;
  end.onclick = () =>
    graphql('mutation ($user: ID!) { signUserOut(user: $user) }', { user: id });
  return item;
}

// ---------------------------------------------------------------- small things

/** Calls `send` with the text of a form, and empties the form if it was sent. */
function onText(form, send) {
  byId(form).addEventListener('submit', async (event) => {
    event.preventDefault();
    say('');
    const { text } = event.target.elements;
    const sent = text.value;
    if ((await send(sent)) && text.value === sent) event.target.reset();
  });
}

function row(text) {
  const item = document.createElement('li');
  item.textContent = text;
  return item;
}

function say(text) {
  byId('notice').textContent = text;
  byId('notice').hidden = !text;
}

await start({ passive: false });
