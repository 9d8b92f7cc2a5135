import { Injectable } from '@nestjs/common';
import { SessionDataLoader } from 'nestjs-session-jwt';
import { UsersService } from '../users/users.service.js';
import type { Role } from '../users/user.js';

/** What handlers, resolvers and gateways get from `@Session('data')`. */
export interface UserData {
  readonly name: string;
  readonly role: Role;
}

declare module 'nestjs-session-jwt' {
  interface SessionTypes {
    params: string;
    data: UserData;
  }
}

/** Called at sign-in and at each reload, of requests and of connections. `null` ends the session. */
@Injectable()
export class UserSessionLoader extends SessionDataLoader {
  constructor(private readonly users: UsersService) {
    super();
  }

  async load(userId: string): Promise<UserData | null> {
    const user = this.users.find(userId);
    return user ? { name: user.name, role: user.role } : null;
  }
}
