/** How the server says that a session has ended. After any other code, the page may still have one. */
export const SESSION_ENDED = 4401;

/**
 * Keeps one connection of the page, and shows its state.
 *
 * @param {HTMLElement} state where
 * @param {(opened: () => void, closed: (code: number) => void) => { close(): void }} connect
 * @param {(code: number) => void} lost called when the server or the network closes it
 */
export function createConnection(state, connect, lost) {
  let current;
  let live;

  function leave(text) {
    current = undefined;
    live = undefined;
    state.textContent = text;
  }

  function open() {
    if (current) return;
    state.textContent = 'connecting';
    const socket = connect(
      () => {
        if (current !== socket) return;
        live = socket;
        state.textContent = 'live';
      },
      (code) => {
        if (current !== socket) return;
        leave(`closed (${code})`);
        lost(code);
      },
    );
    current = socket;
  }

  function close() {
    const socket = current;
    if (!socket) return;
    leave('closed');
    socket.close();
  }

  return { open, close, live: () => live };
}
