/** The users that every variant serves: about 400 bytes of JSON each, which their tokens carry. */

export function userAt(i) {
  return {
    id: `user-${i}`,
    name: `User Number ${i}`,
    email: `user.${i}@example-company.test`,
    roles: ['member', 'editor', 'billing'],
    locale: 'en-GB',
    timeZone: 'Europe/London',
    tenant: { id: `tenant-${i % 50}`, plan: 'team', region: 'eu-west-1' },
    flags: { beta: true, darkMode: true, newsletter: false },
    avatar: `https://cdn.example.test/avatars/${i}.png`,
  };
}

/** What `GET /me` returns for the data of a session, whichever library provided it. */
export function answerOf({ name, email, roles, avatar }) {
  return { name, email, roles, avatar };
}
