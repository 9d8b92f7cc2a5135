/**
 * Sends JSON. Returns the server's message if it refuses.
 *
 * @param {import('nestjs-session-jwt/client').SessionClient} client
 * @returns {Promise<string | undefined>}
 */
export async function post(client, path, body) {
  const response = await client.fetch(path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (response.ok) return undefined;
  const { message } = await response.json().catch(() => ({}));
  return message ?? `The server answered ${response.status}.`;
}

/**
 * Opens the dialog until the password is right or the user cancels.
 *
 * @param {(password: string) => Promise<string | undefined>} send returns why the password is refused
 * @returns {Promise<boolean>} whether it was right
 */
export function askForPassword(send) {
  const dialog = document.getElementById('dialog');
  const form = document.getElementById('prove');
  const wrong = document.getElementById('wrong');
  const refuse = (text) => {
    wrong.textContent = text;
    wrong.hidden = !text;
  };
  form.reset();
  refuse('');
  dialog.showModal();
  return new Promise((resolve) => {
    document.getElementById('cancel').onclick = () => dialog.close();
    dialog.onclose = () => resolve(dialog.returnValue === 'proven');
    dialog.returnValue = '';
    form.onsubmit = async (event) => {
      event.preventDefault();
      const { password } = Object.fromEntries(new FormData(form));
      const refusal = await send(password).catch(String);
      if (refusal === undefined) dialog.close('proven');
      else refuse(refusal);
    };
  });
}
