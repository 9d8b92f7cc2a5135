import { Injectable } from '@nestjs/common';
import { SessionDataLoader, SessionEndedError } from 'nestjs-session-jwt';
import type { LoadContext } from 'nestjs-session-jwt';
import { UsersService } from '../users/users.service.js';

/** What the token carries about its user. Handlers get it from `@Session('data')`. */
export interface UserData {
  id: string;
  name: string;
  email: string;
  role: string;
}

export type Theme = 'light' | 'dark';

declare module 'nestjs-session-jwt' {
  interface SessionTypes {
    params: string;
    data: UserData;
    attributes: { theme?: Theme };
  }
}

/** Called at sign-in and then once per interval: may this session go on, and with what data? */
@Injectable()
export class UserSessionLoader extends SessionDataLoader {
  constructor(private readonly users: UsersService) {
    super();
  }

  async load(userId: string, context: LoadContext): Promise<UserData> {
    // When this throws because the database is down, the session goes on with its old data.
    const user = await this.users.find(userId, { signal: context.signal });
    if (!user || user.disabled) {
      throw new SessionEndedError('user deleted or disabled');
    }
    if (context.issuedBefore(user.sessionsValidFrom)) {
      throw new SessionEndedError('signed out everywhere');
    }
    return { id: user.id, name: user.name, email: user.email, role: user.role };
  }
}
