import { Injectable, NotFoundException } from '@nestjs/common';
import { Role } from './user.js';
import type { User } from './user.js';

/** Three users. Your application has a database instead. */
@Injectable()
export class UsersService {
  private readonly users = new Map<string, User>(
    [
      { id: 'ada', name: 'Ada', role: Role.member },
      { id: 'bob', name: 'Bob', role: Role.member },
      { id: 'grace', name: 'Grace', role: Role.admin },
    ].map((user) => [user.id, user]),
  );

  all(): User[] {
    return [...this.users.values()];
  }

  find(id: string): User | undefined {
    return this.users.get(id);
  }

  setRole(id: string, role: Role): User {
    const user = this.find(id);
    if (!user) {
      throw new NotFoundException('There is no such user.');
    }
    const changed = { id, name: user.name, role };
    this.users.set(id, changed);
    return changed;
  }
}
