import { Injectable } from '@nestjs/common';
import { SessionDataLoader } from 'nestjs-session-jwt';

@Injectable()
export class UserSessionLoader extends SessionDataLoader<string, object> {
  load(userId: string) {
    return { id: userId, email: `${userId}@example.org` };
  }
}
