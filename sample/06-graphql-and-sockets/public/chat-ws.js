/**
 * Joins the chat over ws, whose messages Nest expects as `{ event, data }`.
 *
 * @param {string} url
 * @param {{ opened: () => void, closed: (code: number) => void, recent: (messages: object[]) => void,
 *   said: (message: object) => void, refused: (reason: string) => void }} page
 */
export function joinChat(url, page) {
  const socket = new WebSocket(url);
  const receive = {
    recent: (messages) => {
      page.opened();
      page.recent(messages);
    },
    said: (message) => page.said(message),
    refused: (reason) => page.refused(reason),
  };
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    receive[message.event]?.(message.data);
  };
  socket.onclose = ({ code }) => page.closed(code);
  return {
    say: (text) => socket.send(JSON.stringify({ event: 'say', data: text })),
    close: () => socket.close(),
  };
}
