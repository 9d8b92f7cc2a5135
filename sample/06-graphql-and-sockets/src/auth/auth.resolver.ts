import { UnauthorizedException } from '@nestjs/common';
import { Args, Context, ID, Mutation, Resolver } from '@nestjs/graphql';
import { Public, SessionService } from 'nestjs-session-jwt';
import { User } from '../users/user.js';
import { UsersService } from '../users/users.service.js';

/** Signing in. The ready-made routes do the rest: `/session`, `/session/refresh`, `/session/logout`. */
@Resolver()
export class AuthResolver {
  constructor(
    private readonly sessions: SessionService,
    private readonly users: UsersService,
  ) {}

  /** The sample takes your word for it; a real application checks a password, a passkey or a code here. */
  @Public()
  @Mutation(() => User)
  async signIn(
    @Args('user', { type: () => ID }) id: string,
    @Context() context: object,
  ): Promise<User> {
    const user = this.users.find(id);
    if (!user) {
      throw new UnauthorizedException('There is no such user.');
    }
    await this.sessions.generate(user.id, { response: context });
    return user;
  }
}
