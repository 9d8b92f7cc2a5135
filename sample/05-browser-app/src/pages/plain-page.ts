import type { Note } from '../notes/notes.service.js';

/** The field is named as the option `csrf.token.field` says. */
export function plainPage(page: {
  user: string;
  loadedAt: Date;
  notes: readonly Note[];
  csrfToken: string;
}): string {
  const loadedAt = page.loadedAt.toISOString();
  const items = page.notes.map(({ text }) => `<li>${escape(text)}</li>`);
  return `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    <title>Notes without a script</title>
    <link rel="icon" href="data:,">
    <link rel="stylesheet" href="/files/shared/style.css">
  </head>
  <body class="narrow">
    <header>
      <p class="mark">nestjs-session-jwt <span>sample 05</span></p>
      <h1>Notes without a script</h1>
      <p class="lead">
        The server rendered this page for ${escape(page.user)}. The session data was loaded at
        <time id="loaded-at" datetime="${loadedAt}">${loadedAt.slice(11, 19)}</time> UTC; the
        form carries the CSRF token in a hidden field.
      </p>
    </header>
    <main>
      <section class="card" aria-labelledby="notes-title">
        <h2 id="notes-title">Notes</h2>
        <ul class="rows" id="notes">${items.join('')}</ul>
        <form class="line" method="post" action="/plain">
          <input type="hidden" name="_csrf" value="${escape(page.csrfToken)}">
          <label class="grow">New note <input name="text" maxlength="80" required autocomplete="off"></label>
          <button class="primary">Add</button>
        </form>
        <p class="hint"><a href="/plain">Reload this page</a> <a href="/">Back to the application</a></p>
      </section>
    </main>
  </body>
</html>
`;
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (mark) => `&#${mark.charCodeAt(0)};`);
}
