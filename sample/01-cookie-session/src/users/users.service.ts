import { Injectable, UnauthorizedException } from '@nestjs/common';
import { FakeDatabase } from './fake-database.js';
import type { User } from './user.js';

@Injectable()
export class UsersService {
  constructor(private readonly database: FakeDatabase) {}

  async find(
    id: string,
    options?: { signal: AbortSignal },
  ): Promise<User | undefined> {
    options?.signal.throwIfAborted();
    return this.database.select(id);
  }

  /** The sample takes your word for it; a real application checks a password, a passkey or a code here. */
  async authenticate(id: string): Promise<User> {
    const user = await this.find(id);
    if (!user || user.disabled) {
      throw new UnauthorizedException('This user cannot sign in.');
    }
    return user;
  }

  async endSessionsBefore(id: string, sessionsValidFrom: Date): Promise<void> {
    await this.database.update(id, { sessionsValidFrom });
  }
}
