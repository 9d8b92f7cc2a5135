const LIE = 'Mallory was here';
const ACCOUNT = { user: 'mallory' };
const JSON_TYPE = { 'Content-Type': 'application/json' };

/**
 * What is tried, one after the other. `run` returns what it has stolen, if anything; `arrives` is false where no
 * ordinary request reaches the application.
 */
export const ATTACKS = [
  {
    title: 'Form in a hidden frame',
    how: 'POST /notes, urlencoded',
    run: (use) => use.form('/notes', { text: LIE }),
  },
  {
    title: 'Form in a window',
    how: 'POST /notes, urlencoded, a top-level navigation',
    run: (use) => use.form('/notes', { text: LIE }, { inWindow: true }),
  },
  {
    title: 'Form with a guessed token',
    how: 'POST /plain with _csrf',
    run: (use) => use.form('/plain', { text: LIE, _csrf: 'x'.repeat(66) }),
  },
  {
    title: 'Multipart form',
    how: 'POST /notes/clear, multipart/form-data',
    run: (use) =>
      use.form('/notes/clear', { a: '1' }, { enctype: 'multipart/form-data' }),
  },
  {
    title: 'Form that looks like JSON',
    how: 'POST /notes/clear, text/plain: {"text":"="}',
    run: (use) =>
      use.form(
        '/notes/clear',
        { '{"text":"': '"}' },
        { enctype: 'text/plain' },
      ),
  },
  {
    title: 'fetch without CORS',
    how: 'POST /notes, mode no-cors, with cookies',
    run: (use) =>
      use.fetch('/notes', {
        method: 'POST',
        mode: 'no-cors',
        body: new URLSearchParams({ text: LIE }),
      }),
  },
  {
    title: 'fetch without a body',
    how: 'POST /notes/clear, no Content-Type',
    run: (use) =>
      use.fetch('/notes/clear', { method: 'POST', mode: 'no-cors' }),
  },
  {
    title: 'fetch with JSON',
    how: 'POST /notes, application/json, needs a preflight',
    run: (use) =>
      use.fetch('/notes', {
        method: 'POST',
        headers: JSON_TYPE,
        body: JSON.stringify({ text: LIE }),
      }),
  },
  {
    title: 'fetch with the CSRF header',
    how: 'POST /notes, X-XSRF-TOKEN, needs a preflight',
    run: (use) =>
      use.fetch('/notes', {
        method: 'POST',
        headers: { 'X-XSRF-TOKEN': 'x'.repeat(66) },
        body: new URLSearchParams({ text: LIE }),
      }),
  },
  {
    title: 'Beacon',
    how: 'sendBeacon to /notes/clear, text/plain',
    run: (use) => use.beacon('/notes/clear', '{}'),
  },
  {
    title: 'Form that pretends to be a GET',
    how: 'POST /notes/clear?_method=GET',
    run: (use) => use.form('/notes/clear?_method=GET', { _method: 'GET' }),
  },
  {
    title: 'Method override in a header',
    how: 'POST /notes/1, X-HTTP-Method-Override: DELETE, needs a preflight',
    run: (use) =>
      use.fetch('/notes/1', {
        method: 'POST',
        headers: { 'X-HTTP-Method-Override': 'DELETE' },
      }),
  },
  {
    title: 'Image that ends the session',
    how: 'GET /session?_method=DELETE',
    run: (use) => use.image('/session?_method=DELETE'),
  },
  {
    title: 'Image that signs out',
    how: 'GET /session/logout',
    run: (use) => use.image('/session/logout'),
  },
  {
    title: 'Image that refreshes',
    how: 'GET /session/refresh',
    run: (use) => use.image('/session/refresh'),
  },
  {
    title: 'Ending the other devices',
    how: 'DELETE /session/devices/others, needs a preflight',
    run: (use) => use.fetch('/session/devices/others', { method: 'DELETE' }),
  },
  {
    title: 'Reading the session',
    how: 'GET /session with cookies',
    run: async (use) => {
      const answer = await use.fetch('/session');
      return answer?.ok ? answer.text() : undefined;
    },
  },
  {
    title: 'Listening to the notes',
    how: 'a WebSocket to /live, with cookies',
    arrives: false,
    run: (use) => use.socket('/live'),
  },
  {
    title: 'Framing the page',
    how: 'an <iframe> to cover with a button',
    run: (use) => use.frame('/'),
  },
  {
    title: 'Signing the victim out',
    how: 'POST /session/logout, a form',
    run: (use) => use.form('/session/logout', {}),
  },
  {
    title: 'Signing the victim in as Mallory',
    how: 'POST /login, a form in a window',
    run: (use) => use.form('/login', ACCOUNT, { inWindow: true }),
  },
];
