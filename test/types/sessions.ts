import type {
  ActiveSession,
  AttributeChanges,
  ExpandedSessionData,
  GenerateOptions,
  IssuedSession,
  SessionAttributes,
  SessionData,
  SessionEvent,
  SessionParams,
  SessionService,
} from 'nestjs-session-jwt';
import type { Observable } from 'rxjs';
import type {
  Attributes,
  ExpandedUser,
  UserData,
} from './application-types.js';
import {
  expectFalse,
  expectTrue,
  type Equals,
  type IsAny,
} from './expect-type.js';

// What was declared is what the names stand for.
expectTrue<Equals<SessionParams, string>>();
expectTrue<Equals<SessionData, UserData>>();
expectTrue<Equals<SessionAttributes, Attributes>>();
expectTrue<Equals<ExpandedSessionData, ExpandedUser>>();

// A session is the application's, and no part of it is `any`.
expectTrue<Equals<ActiveSession['params'], string>>();
expectTrue<Equals<ActiveSession['data'], ExpandedUser>>();
expectTrue<Equals<ActiveSession['attributes'], Readonly<Attributes>>>();
expectTrue<Equals<ActiveSession['id'], string>>();
expectTrue<Equals<ActiveSession['subject'], string>>();
expectTrue<Equals<ActiveSession['issuedAt'], Date>>();
expectTrue<Equals<ActiveSession['authenticatedAt'], Date>>();
expectTrue<Equals<ActiveSession['loadedAt'], Date>>();
expectTrue<Equals<ActiveSession['expiresAt'], Date>>();

// What was issued knows both the loader's data and what handlers see.
expectTrue<Equals<IssuedSession['data'], UserData>>();
expectTrue<Equals<IssuedSession['session'], ActiveSession>>();
expectTrue<Equals<IssuedSession['token'], string>>();
expectTrue<Equals<IssuedSession['refreshToken'], string | undefined>>();
expectTrue<Equals<IssuedSession['delivered'], boolean>>();
expectTrue<
  Equals<
    ReturnType<IssuedSession['toJSON']>,
    {
      data: UserData;
      expiresAt: Date;
      token?: string;
      refreshToken?: string;
    }
  >
>();

type Returned<
  Name extends 'generate' | 'reload' | 'update' | 'verify' | 'authenticate',
> = Awaited<ReturnType<SessionService[Name]>>;

expectTrue<Equals<Returned<'generate'>, IssuedSession>>();
expectTrue<Equals<Returned<'reload'>, IssuedSession>>();
expectTrue<Equals<Returned<'update'>, IssuedSession>>();
expectTrue<Equals<Returned<'verify'>, ActiveSession>>();
expectTrue<Equals<Returned<'authenticate'>, ActiveSession | null>>();
expectTrue<Equals<SessionService['events$'], Observable<SessionEvent>>>();
expectFalse<IsAny<Returned<'generate'>>>();
expectFalse<IsAny<Returned<'generate'>['data']>>();
expectFalse<IsAny<Returned<'generate'>['session']['data']>>();
expectFalse<IsAny<Returned<'verify'>['params']>>();
expectFalse<IsAny<Returned<'verify'>['attributes']>>();

// Everything is read-only.
export function write(session: ActiveSession, issued: IssuedSession): void {
  // @ts-expect-error: a getter only
  session.id = 'other';
  // @ts-expect-error: a getter only
  session.data = { id: 'x', roles: [], can: () => true };
  // @ts-expect-error: attributes are changed by `update`
  session.attributes.theme = 'dark';
  // @ts-expect-error: what was issued stays as it is
  issued.data = { id: 'x', roles: [] };
}

export async function generate(sessions: SessionService): Promise<void> {
  await sessions.generate('ada');
  await sessions.generate('ada', { attributes: { theme: 'dark' } });
  await sessions.generate('ada', { response: {}, lifetime: { idle: '1h' } });
  // @ts-expect-error: the params are a string
  await sessions.generate(42);
  // @ts-expect-error: params are needed
  await sessions.generate();
  // @ts-expect-error: an attribute of another type
  await sessions.generate('ada', { attributes: { theme: 1 } });
  // @ts-expect-error: an attribute that was not declared
  await sessions.generate('ada', { attributes: { colour: 'dark' } });
  // @ts-expect-error: an option that does not exist
  await sessions.generate('ada', { lifetme: { idle: '1h' } });
  // @ts-expect-error: an instant is a Date
  await sessions.generate('ada', { authentication: { time: 1_800_000_000 } });
  // @ts-expect-error: true or false
  await sessions.generate('ada', { persistent: 'no' });
}

export async function update(
  sessions: SessionService,
  session: ActiveSession,
): Promise<void> {
  await sessions.update(session, { theme: 'dark', visits: 2 });
  await sessions.update(session, { theme: null });
  await sessions.update(session, {});
  // @ts-expect-error: an attribute of another type
  await sessions.update(session, { visits: 'two' });
  // @ts-expect-error: an attribute that was not declared
  await sessions.update(session, { colour: 'dark' });
  // @ts-expect-error: the id of a session is not a session
  await sessions.update(session.id, { theme: 'dark' });
  expectTrue<
    Equals<
      AttributeChanges<Attributes>,
      { theme?: string | null; visits?: number | null }
    >
  >();
}

export async function revoke(
  sessions: SessionService,
  session: ActiveSession,
  request: { headers: object },
): Promise<void> {
  expectTrue<Equals<Awaited<ReturnType<typeof sessions.revoke>>, boolean>>();
  await sessions.revoke(session);
  await sessions.revoke(session, { response: {} });
  await sessions.revoke(request, { response: {} });
  await sessions.revoke(request, { response: {}, crossSite: true });
  await sessions.revoke({ id: session.id, subject: session.subject });
  // @ts-expect-error: whose session?
  await sessions.revoke(session.id);
  // @ts-expect-error: whose session?
  await sessions.revoke({ id: session.id });
  // @ts-expect-error: the session of a request is cleared in its response
  await sessions.revoke(request);
  // @ts-expect-error: nothing to revoke
  await sessions.revoke();
  await sessions.revokeAll('ada', { except: session.id });
  // @ts-expect-error: a subject is a string
  await sessions.revokeAll(42);
  expectTrue<
    Equals<ReturnType<typeof sessions.revokeEverything>, Promise<void>>
  >();
}

export async function ask(
  sessions: SessionService,
  request: { headers: object },
): Promise<string> {
  const session = await sessions.authenticate(request);
  // @ts-expect-error: there may be none
  const subject: string = session.subject;
  return session?.data.can('read') ? session.data.roles.join() : subject;
}

// What was loaded for one session is not good for another type of session.
export async function mix(
  sessions: SessionService,
  other: ActiveSession<number, { admin: true }, Attributes>,
): Promise<void> {
  // @ts-expect-error: a session with other data
  await sessions.reload(other);
  await sessions.revoke(other);
}

// The generics of the service are there for a second kind of session.
export async function second(
  admins: SessionService<
    number,
    { admin: true },
    { note?: string },
    { admin: true; name: string }
  >,
): Promise<void> {
  const issued = await admins.generate(1, { attributes: { note: 'x' } });
  expectTrue<Equals<typeof issued.data, { admin: true }>>();
  expectTrue<
    Equals<typeof issued.session.data, { admin: true; name: string }>
  >();
  expectTrue<Equals<typeof issued.session.params, number>>();
  // @ts-expect-error: its params are numbers
  await admins.generate('ada');
}

// Events tell themselves apart by their type.
export function describe(event: SessionEvent): string {
  switch (event.type) {
    case 'ended':
      return `${event.subject} ${event.reason} ${event.reach}`;
    case 'rejected':
      // @ts-expect-error: a refused request has no session
      return `${event.code} ${event.session}`;
    case 'loaderFailed':
      expectTrue<Equals<typeof event.error, unknown>>();
      return event.session;
    case 'allEnded':
      // @ts-expect-error: it is about all sessions of a subject
      return `${event.subject} ${event.count} ${event.session}`;
    case 'refreshed':
      return `${event.session} ${event.repeated}`;
    case 'keysFailed':
    case 'storeFailed':
      expectTrue<Equals<typeof event.error, unknown>>();
      return event.type === 'keysFailed' ? event.type : event.operation;
    case 'storeRolledBack':
      return `${event.session} ${event.lost}`;
    case 'clockSkewed':
      return String(event.aheadSeconds);
    case 'storeRecovered':
      // @ts-expect-error: it is about the store alone
      return `${event.awaySeconds} ${event.session}`;
    case 'everythingEnded':
      return event.type;
    case 'revocationsLagging':
      // @ts-expect-error: it is about all sessions
      return `${event.reason} ${event.session}`;
    case 'revocationsCaughtUp':
      return String(event.awaySeconds);
    case 'revocationsFilling':
      return `${event.entries} ${event.maxEntries}`;
    case 'revocationsFailed':
      expectTrue<Equals<typeof event.error, unknown>>();
      return event.operation;
    case 'limitReached':
      return `${event.subject} ${event.max}`;
    case 'endEvicted':
      return `${event.session} ${event.how}`;
    case 'boundRefused':
      return `${event.session} ${event.reason}`;
    case 'bound':
    case 'created':
    case 'reauthenticated':
    case 'recovered':
    case 'reloaded':
    case 'refreshReused':
    case 'undelivered':
      return event.session;
  }
}

expectTrue<Equals<GenerateOptions['attributes'], Attributes | undefined>>();
