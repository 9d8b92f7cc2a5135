const JITTER_MILLISECONDS = 1000;
const PATIENCE_MILLISECONDS = 2000;
const SIGN_IN = 4401;

/**
 * A WebSocket that comes back. A browser sends the cookies with its handshake, and cannot send anything else: so the
 * session is refreshed first, by an ordinary request.
 *
 * @param {{ message(data: object): void, state(isOpen: boolean): void, ended(): void }} page `ended`: the
 *   connection was closed, because of its session or otherwise
 */
export function createLive(page) {
  let socket;
  let timer;

  function close() {
    clearTimeout(timer);
    const old = socket;
    socket = undefined;
    old?.close();
  }

  function open() {
    close();
    const opened = new WebSocket('/live');
    socket = opened;
    opened.onmessage = ({ data }) => {
      page.state(true);
      page.message(JSON.parse(data));
    };
    opened.onclose = ({ code }) => {
      if (socket !== opened) return;
      page.state(false);
      // Not all tabs at the same moment: the first one refreshes for all.
      const wait =
        code === SIGN_IN
          ? Math.random() * JITTER_MILLISECONDS
          : PATIENCE_MILLISECONDS;
      timer = setTimeout(() => page.ended(), wait);
    };
  }

  return { open, close };
}
