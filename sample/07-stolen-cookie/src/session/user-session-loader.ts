import { Injectable } from '@nestjs/common';
import { SessionDataLoader } from 'nestjs-session-jwt';
import { UsersService } from '../users/users.service.js';

/** What handlers get from `@Session('data')`. */
export interface UserData {
  readonly name: string;
}

declare module 'nestjs-session-jwt' {
  interface SessionTypes {
    params: string;
    data: UserData;
  }
}

/** Called at sign-in and at each refresh. `null` ends the session. */
@Injectable()
export class UserSessionLoader extends SessionDataLoader {
  constructor(private readonly users: UsersService) {
    super();
  }

  async load(userId: string): Promise<UserData | null> {
    const user = this.users.find(userId);
    return user ? { name: user.name } : null;
  }
}
