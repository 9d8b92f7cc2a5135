import { Injectable } from '@nestjs/common';
import { SessionDataLoader } from 'nestjs-session-jwt';
import { UsersService } from '../users/users.service.js';

/** What the token carries about its user. Handlers get it from `@Session('data')`. */
export interface UserData {
  id: string;
  name: string;
}

declare module 'nestjs-session-jwt' {
  interface SessionTypes {
    params: string;
    data: UserData;
  }
}

/** Called at sign-in and at each refresh. `null`: the session is over. */
@Injectable()
export class UserSessionLoader extends SessionDataLoader {
  constructor(private readonly users: UsersService) {
    super();
  }

  async load(userId: string): Promise<UserData | null> {
    return (await this.users.find(userId)) ?? null;
  }
}
