import {
  Field,
  Int,
  Mutation,
  ObjectType,
  Query,
  ResolveField,
  Resolver,
  Subscription,
} from '@nestjs/graphql';
import { jest } from '@jest/globals';
import {
  Authorize,
  CheckRevocation,
  OptionalSession,
  Public,
  SessionConfigError,
  SessionJwtModule,
} from '../../lib/index.js';
import {
  SESSION_RUNTIME,
  type SessionRuntime,
} from '../../lib/nest/session-runtime.js';
import { createTestSession } from '../../lib/testing/index.js';
import { turn } from '../support/asynchrony.js';
import { CapturedLogs } from '../support/captured-logs.js';
import { bootError } from '../support/nest-app.js';
import { SECRET } from '../support/secrets.js';
import { SickStore } from '../support/sick-store.js';
import { startTestApp, type TestApp } from '../support/test-app.js';
import { GRAPHQL_PLATFORMS, graphQLModule } from './graphql-app.js';
import { GraphQLSocket, overHttp } from './graphql-client.js';

const SECRET_TEXT = 'the password of the database';
const FORBIDDEN = 'FORBIDDEN SESSION_FORBIDDEN';
const UNAUTHENTICATED = 'UNAUTHENTICATED SESSION_REQUIRED';

let decided = 0;
let handled = 0;

const Roles = (...roles: string[]) =>
  Authorize(async ({ data }) => {
    decided += 1;
    await turn();
    return roles.includes(data.role);
  });
const RolesNow = (...roles: string[]) =>
  Authorize(({ data }) => {
    decided += 1;
    return roles.includes(data.role);
  });

@ObjectType()
class Product {
  @Field(() => Int) id!: number;
  @Field(() => Int, { nullable: true }) cost?: number;
}

@Resolver(() => Product)
class ProductResolver {
  @Query(() => [Product])
  products(): Product[] {
    return Array.from({ length: 20 }, (_, id) => ({ id }));
  }

  @RolesNow('admin')
  @ResolveField(() => Int, { nullable: true })
  cost() {
    handled += 1;
    return 7;
  }
}

@Resolver()
class AdminResolver {
  @RolesNow('admin') @Query(() => String) a() {
    return this.handle();
  }
  @RolesNow('admin') @Query(() => String) b() {
    return this.handle();
  }
  @Roles('admin') @Query(() => String) c() {
    return this.handle();
  }
  @OptionalSession()
  @Roles('admin')
  @Query(() => String)
  optional() {
    return this.handle();
  }
  @RolesNow('admin')
  @Roles('admin', 'member')
  @CheckRevocation()
  @Query(() => String)
  confirmed() {
    return this.handle();
  }
  @RolesNow('admin') @Mutation(() => String) change() {
    return this.handle();
  }
  @Roles('admin')
  @Subscription(() => String)
  async *news() {
    yield { news: this.handle() };
  }
  @Authorize(() => {
    throw new TypeError(SECRET_TEXT);
  })
  @Query(() => String)
  broken() {
    return this.handle();
  }
  @Query(() => String) any() {
    return 'any';
  }

  private handle(): string {
    handled += 1;
    return 'secret';
  }
}

const OPERATIONS = [
  '{ a }',
  '{ c }',
  '{ optional }',
  '{ confirmed }',
  'mutation { change }',
];

beforeEach(() => {
  decided = 0;
  handled = 0;
});
afterEach(() => jest.restoreAllMocks());

describe.each(
  GRAPHQL_PLATFORMS.flatMap(([driver, adapter]) =>
    [true, false].map((guard) => ({ driver, adapter, guard })),
  ),
)('@Authorize() with $driver on $adapter, guard: $guard', (platform) => {
  const { driver, adapter, guard } = platform;
  let app: TestApp;
  let store: SickStore;
  let logs: CapturedLogs;
  let sockets: GraphQLSocket[] = [];

  beforeAll(async () => {
    store = new SickStore();
    logs = new CapturedLogs();
    app = await startTestApp(adapter, {
      session: { store },
      extras: { guard },
      imports: [graphQLModule(driver, { fieldGuards: true })],
      providers: [AdminResolver, ProductResolver],
      configure: (nest) => nest.useLogger(logs),
    });
  });
  afterEach(async () => {
    await Promise.all(sockets.map((socket) => socket.close()));
    sockets = [];
  });
  afterAll(() => app.close());

  async function headersOf(user?: string): Promise<Record<string, string>> {
    const host = `127.0.0.1:${app.port}`;
    const session = user && (await createTestSession(app.app, user));
    return {
      host,
      origin: `http://${host}`,
      ...(session && { cookie: session.cookie }),
    };
  }

  async function connect(user?: string): Promise<GraphQLSocket> {
    const headers = await headersOf(user);
    const socket = new GraphQLSocket(app.port, { headers });
    sockets.push(socket);
    return socket;
  }

  it.each([
    ['ada', 'secret'],
    ['bob', FORBIDDEN],
    [undefined, UNAUTHENTICATED],
  ])('answers %p with %s', async (user, expected) => {
    for (const operation of OPERATIONS) {
      const headers = await headersOf(user);
      const { answer, setCookie } = await overHttp(app.port, operation, {
        headers,
      });
      expect({ operation, answer }).toEqual({ operation, answer: expected });
      expect(setCookie).toEqual([]);
    }
    const socket = await connect(user);
    for (const operation of [...OPERATIONS, 'subscription { news }']) {
      const answer = await socket.ask(operation);
      expect({ operation, answer }).toEqual({ operation, answer: expected });
    }
    expect(handled > 0).toBe(expected === 'secret');
    expect(decided > 0).toBe(user !== undefined);
    // The refusals have closed nothing.
    if (user) expect(await socket.ask('{ any }')).toBe('any');
  });

  it('verifies the session of a request once, for any number of fields', async () => {
    const { authenticator } = app.app.get<SessionRuntime>(SESSION_RUNTIME, {
      strict: false,
    });
    const verified = jest.spyOn(authenticator, 'authenticate');
    const headers = await headersOf('ada');
    const { answer } = await overHttp(app.port, '{ a b c products { cost } }', {
      headers,
    });
    expect(answer).toContain('secret secret secret');
    expect(decided).toBe(3 + 20);
    expect(handled).toBe(3 + 20);
    expect(verified).toHaveBeenCalledTimes(1);
  });

  it('refuses guarded fields alone', async () => {
    const headers = await headersOf('bob');
    const body = JSON.stringify({ query: '{ products { id cost } }' });
    const response = await fetch(`http://127.0.0.1:${app.port}/graphql`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body,
    });
    const { data, errors } = (await response.json()) as any;
    expect(data.products).toHaveLength(20);
    expect(data.products[0]).toEqual({ id: 0, cost: null });
    expect(errors).toHaveLength(20);
    expect(errors[0].extensions.code).toBe('FORBIDDEN');
    expect(handled).toBe(0);
  });

  it('queries the store once for each operation, however many guards there are', async () => {
    const socket = await connect('ada');
    const reads = () => store.takeCalls().filter((call) => call === 'read');
    await socket.ask('{ any }');
    reads();
    for (let i = 1; i <= 3; i += 1) {
      expect(await socket.ask('{ confirmed }')).toBe('secret');
      expect(reads()).toHaveLength(1);
    }
    const headers = await headersOf('ada');
    reads();
    await overHttp(app.port, '{ confirmed }', { headers });
    expect(reads()).toHaveLength(1);
  });

  it('discloses nothing of a predicate that fails', async () => {
    const headers = await headersOf('ada');
    const response = await fetch(`http://127.0.0.1:${app.port}/graphql`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/json' },
      body: JSON.stringify({ query: '{ broken }' }),
    });
    const text = await response.text();
    expect(text).toContain('INTERNAL_SERVER_ERROR');
    expect(text).not.toContain(SECRET_TEXT);
    expect(logs.matching('AdminResolver.broken failed', 'error')).toHaveLength(
      1,
    );
    const socket = await connect('ada');
    expect(await socket.ask('{ broken }')).toBe('INTERNAL_SERVER_ERROR');
    expect(handled).toBe(0);
  });
});

it('stops the boot for a resolver with both @Authorize() and @Public()', async () => {
  @Resolver()
  class OpenResolver {
    @Public() @RolesNow('admin') @Query(() => String) open() {
      return 'secret';
    }
  }
  const error = await bootError({
    imports: [SessionJwtModule.forRoot({ secret: SECRET, dataLoader: false })],
    providers: [OpenResolver],
  });
  expect(error).toBeInstanceOf(SessionConfigError);
  expect(String(error)).toContain('got OpenResolver.open, which is @Public()');
});
