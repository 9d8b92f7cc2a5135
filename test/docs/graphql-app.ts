/** An application with GraphQL and the session routes, for any driver. Runs in Jest, and as a program outside it. */
import {
  Controller,
  Injectable,
  Module,
  Post,
  Res,
  UseGuards,
  type CanActivate,
  type ExecutionContext,
  type Type,
} from '@nestjs/common';
import {
  Args,
  GqlExecutionContext,
  GraphQLModule,
  Int,
  Mutation,
  Query,
  Resolver,
} from '@nestjs/graphql';
import {
  SessionError,
  SessionJwtModule,
  SessionService,
  toHttpException,
} from '../../lib/index.js';
import { SECRET } from '../support/secrets.js';

/** What has run, by the names of the fields. */
export const ran: string[] = [];

/** Refuses a resolver as our guard does a route. */
@Injectable()
class ResolverGuard implements CanActivate {
  constructor(private readonly sessions: SessionService) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const { req, reply } = GqlExecutionContext.create(context).getContext();
    const session = await this.sessions.authenticate(req ?? reply.request);
    if (session) return true;
    const error = new SessionError('TOKEN_EXPIRED', 'the token has expired');
    // Mercurius sends the extensions of an error and nothing else of it; Apollo makes its own of the exception.
    throw Object.assign(toHttpException(error), {
      extensions: { code: 'UNAUTHENTICATED', errorCode: 'SESSION_REQUIRED' },
    });
  }
}

@Resolver()
class OrdersResolver {
  @UseGuards(ResolverGuard)
  @Query(() => Int)
  order(@Args('id', { type: () => Int }) id: number) {
    ran.push('order');
    return id;
  }

  @UseGuards(ResolverGuard)
  @Mutation(() => Int)
  addOrder() {
    return ran.push('addOrder');
  }

  /** Needs no session. */
  @Mutation(() => Int)
  addNote() {
    return ran.push('addNote');
  }
}

@Controller('login')
class LoginController {
  constructor(private readonly sessions: SessionService) {}

  @Post()
  login(@Res({ passthrough: true }) response: object) {
    return this.sessions.generate('ada', { response });
  }
}

export function graphqlModule(driver: Type): Type {
  @Module({
    imports: [
      SessionJwtModule.forRootAsync({
        dataLoader: false,
        routes: true,
        guard: false,
        useFactory: () => ({
          secret: SECRET,
          refreshToken: {
            // Not sent with the operations, so that only the client can refresh.
            cookie: { name: '__Secure-refresh', path: '/session' },
          },
        }),
      }),
      GraphQLModule.forRoot({ driver, autoSchemaFile: true } as never),
    ],
    controllers: [LoginController],
    providers: [OrdersResolver, ResolverGuard],
  })
  class GraphqlAppModule {}
  return GraphqlAppModule;
}
