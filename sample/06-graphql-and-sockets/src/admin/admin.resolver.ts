import { Args, ID, Mutation, Query, Resolver } from '@nestjs/graphql';
import { SessionService } from 'nestjs-session-jwt';
import { Role, User } from '../users/user.js';
import { UsersService } from '../users/users.service.js';
import { Roles } from './roles.decorator.js';

@Roles(Role.admin)
@Resolver()
export class AdminResolver {
  constructor(
    private readonly sessions: SessionService,
    private readonly users: UsersService,
  ) {}

  @Query(() => [User], { name: 'users' })
  all(): User[] {
    return this.users.all();
  }

  /** Ends every session of a user, and with it every subscription and chat connection. */
  @Mutation(() => Boolean)
  async signUserOut(
    @Args('user', { type: () => ID }) id: string,
  ): Promise<boolean> {
    await this.sessions.revokeAll(id);
    return true;
  }

  /** The sessions of the user have the new role from their next reload. */
  @Mutation(() => User)
  setRole(
    @Args('user', { type: () => ID }) id: string,
    @Args('role', { type: () => Role }) role: Role,
  ): User {
    return this.users.setRole(id, role);
  }
}
