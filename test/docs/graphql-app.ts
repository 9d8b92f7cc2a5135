/** An application with GraphQL and the session routes, for any driver. */
import {
  Controller,
  Module,
  Post,
  Res,
  UseGuards,
  type Type,
} from '@nestjs/common';
import {
  Args,
  GraphQLModule,
  Int,
  Mutation,
  Query,
  Resolver,
} from '@nestjs/graphql';
import {
  SessionGuard,
  SessionJwtModule,
  SessionService,
} from '../../lib/index.js';
import { SECRET } from '../support/secrets.js';

/** What has run, by the names of the fields. */
export const ran: string[] = [];

@Resolver()
class OrdersResolver {
  @UseGuards(SessionGuard)
  @Query(() => Int)
  order(@Args('id', { type: () => Int }) id: number) {
    ran.push('order');
    return id;
  }

  @UseGuards(SessionGuard)
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
    providers: [OrdersResolver],
  })
  class GraphqlAppModule {}
  return GraphqlAppModule;
}
