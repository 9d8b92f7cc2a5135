/** An application that declares no types: everything works, unchecked. No file of its program, the one of all tests, declares any. */
import {
  Controller,
  Get,
  type INestApplication,
  Injectable,
} from '@nestjs/common';
import {
  ActiveSession,
  type ExpandedSessionData,
  type IssuedSession,
  type LoadContext,
  Session,
  type SessionAttributes,
  type SessionData,
  SessionDataLoader,
  SessionJwtModule,
  type SessionParams,
  type SessionService,
} from 'nestjs-session-jwt';
import { createTestSession } from 'nestjs-session-jwt/testing';
import { expectTrue, type Equals, type IsAny } from '../types/expect-type.js';

expectTrue<IsAny<SessionParams>>();
expectTrue<IsAny<SessionData>>();
expectTrue<IsAny<ExpandedSessionData>>();
expectTrue<Equals<SessionAttributes, Record<string, any>>>();
expectTrue<IsAny<ActiveSession['data']>>();
expectTrue<IsAny<ActiveSession['params']>>();

// What the library itself knows is typed all the same.
expectTrue<Equals<ActiveSession['id'], string>>();
expectTrue<Equals<ActiveSession['expiresAt'], Date>>();
expectTrue<Equals<IssuedSession['token'], string>>();

interface Whatever {
  name: string;
}

@Injectable()
export class Loader extends SessionDataLoader {
  override async load(params: { user: number }, context: LoadContext) {
    return context.attributes['gone'] ? null : { name: `${params.user}` };
  }
}

@Injectable()
export class TypedLoader extends SessionDataLoader<number, Whatever> {
  override load(id: number): Whatever {
    return { name: String(id) };
  }
}

export class WrongLoader extends SessionDataLoader<number, Whatever> {
  // @ts-expect-error: generics that were given are checked
  override load(id: number): number {
    return id;
  }
}

@Controller()
export class UncheckedController {
  @Get('data')
  data(@Session('data') _user: Whatever, @Session('params') _id: number) {}

  @Get('whole')
  whole(@Session() _session: ActiveSession, @Session('id') _id: string) {}

  @Get('typed')
  typed(@Session() _session: ActiveSession<number, Whatever>) {}

  @Get('id')
  // @ts-expect-error: an id is a string
  wrong(@Session('id') _id: number) {}

  @Get('property')
  // @ts-expect-error: there is no such property
  property(@Session('user') _user: Whatever) {}
}

export async function use(
  sessions: SessionService,
  session: ActiveSession,
  app: INestApplication,
): Promise<string> {
  await sessions.generate({ any: 'thing' }, { subject: 'ada' });
  await sessions.generate(42, { attributes: { anything: [1, 2] } });
  await sessions.update(session, { anything: true, other: null });
  await sessions.revoke({ id: session.id, subject: session.subject });
  // @ts-expect-error: whose session?
  await sessions.revoke(session.id);
  // @ts-expect-error: an option that does not exist
  await sessions.generate(42, { lifetme: '1h' });
  const { cookie } = await createTestSession(app, { any: 1 }, { data: [] });
  const issued = await sessions.reload(session);
  return `${issued.data.whatever} ${session.data.name} ${cookie}`;
}

/** Types can be given where they are used. */
export async function typed(
  sessions: SessionService<number, Whatever, { theme?: string }>,
): Promise<void> {
  const issued = await sessions.generate(1, { attributes: { theme: 'dark' } });
  expectTrue<Equals<typeof issued.data, Whatever>>();
  expectTrue<Equals<typeof issued.session.params, number>>();
  // @ts-expect-error: its params are numbers
  await sessions.generate('ada');
  // @ts-expect-error: an attribute of another type
  await sessions.update(issued.session, { theme: 1 });
}

export const modules = [
  SessionJwtModule.forRoot({ secret: 'never used', dataLoader: Loader }),
  SessionJwtModule.forRoot({ secret: 'never used', dataLoader: TypedLoader }),
];
