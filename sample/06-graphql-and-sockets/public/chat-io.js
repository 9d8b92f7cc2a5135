import { io } from '/files/socket.io/socket.io.esm.min.js';
import { SESSION_ENDED } from './connection.js';

/** Close codes do not reach clients of socket.io: this reason stands for the end of the session. */
const ENDED = 'io server disconnect';
const RECONNECT = 4410;

/**
 * Joins the chat over socket.io. The page reconnects, not this client: it must refresh its session first.
 *
 * @param {string} url
 * @param {{ opened: () => void, closed: (code: number) => void, recent: (messages: object[]) => void,
 *   said: (message: object) => void, refused: (reason: string) => void }} page
 */
export function joinChat(url, page) {
  const { origin, pathname } = new URL(url);
  const socket = io(origin, {
    path: pathname,
    transports: ['websocket'],
    reconnection: false,
    forceNew: true,
  });
  socket.on('recent', (messages) => {
    page.opened();
    page.recent(messages);
  });
  socket.on('said', (message) => page.said(message));
  socket.on('refused', (reason) => page.refused(reason));
  socket.on('connect_error', () => page.closed(RECONNECT));
  socket.on('disconnect', (reason) =>
    page.closed(reason === ENDED ? SESSION_ENDED : RECONNECT),
  );
  return {
    say: (text) => socket.emit('say', text),
    close: () => socket.disconnect(),
  };
}
