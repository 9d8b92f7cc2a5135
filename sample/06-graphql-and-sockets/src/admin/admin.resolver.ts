import { ForbiddenException } from '@nestjs/common';
import { Args, ID, Mutation, Query, Resolver } from '@nestjs/graphql';
import { Session, SessionService } from 'nestjs-session-jwt';
import type { UserData } from '../session/user-session-loader.js';
import { Role, User } from '../users/user.js';
import { UsersService } from '../users/users.service.js';

@Resolver()
export class AdminResolver {
  constructor(
    private readonly sessions: SessionService,
    private readonly users: UsersService,
  ) {}

  @Query(() => [User], { name: 'users' })
  all(@Session('data') admin: UserData): User[] {
    requireAdmin(admin);
    return this.users.all();
  }

  /** Ends every session of a user, and with it every subscription and chat connection. */
  @Mutation(() => Boolean)
  async signUserOut(
    @Session('data') admin: UserData,
    @Args('user', { type: () => ID }) id: string,
  ): Promise<boolean> {
    requireAdmin(admin);
    await this.sessions.revokeAll(id);
    return true;
  }

  /** The sessions of the user have the new role from their next reload. */
  @Mutation(() => User)
  setRole(
    @Session('data') admin: UserData,
    @Args('user', { type: () => ID }) id: string,
    @Args('role', { type: () => Role }) role: Role,
  ): User {
    requireAdmin(admin);
    return this.users.setRole(id, role);
  }
}

function requireAdmin({ role }: UserData): void {
  if (role !== Role.admin) {
    throw new ForbiddenException();
  }
}
