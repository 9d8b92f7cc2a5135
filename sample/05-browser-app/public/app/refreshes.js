/**
 * `fetch` that notices refreshes. Scripts cannot see the session cookie, but the CSRF cookie, which is written
 * together with it.
 *
 * @param {string} cookie its name
 * @param {(by: string) => void} onRefresh told the request that brought it, or that it was another tab
 */
export function watchRefreshes(cookie, onRefresh) {
  let known = read();
  let underWay = 0;

  function read() {
    const pairs = document.cookie.split('; ');
    return pairs.find((pair) => pair.startsWith(`${cookie}=`));
  }

  function look(by) {
    const now = read();
    if (known && now && known !== now) onRefresh(by);
    known = now;
  }

  // Where a browser has none, the next request notices.
  globalThis.cookieStore?.addEventListener('change', () => {
    if (underWay === 0) look('another tab');
  });

  return async (request) => {
    if (underWay === 0) look('another tab');
    underWay += 1;
    try {
      return await fetch(request);
    } finally {
      underWay -= 1;
      look(`${request.method} ${new URL(request.url).pathname}`);
    }
  };
}
