import { Injectable, UnauthorizedException } from '@nestjs/common';

export interface User {
  id: string;
  name: string;
}

/** Three users. What your application has instead is a database. */
@Injectable()
export class UsersService {
  private readonly users: readonly User[] = [
    { id: 'ada', name: 'Ada Lovelace' },
    { id: 'grace', name: 'Grace Hopper' },
    { id: 'mallory', name: 'Mallory' }, // the attacker has an account too
  ];

  async find(id: string): Promise<User | undefined> {
    return this.users.find((user) => user.id === id);
  }

  /** The sample takes your word for it; a real application checks a password, a passkey or a code here. */
  async authenticate(id: string): Promise<User> {
    const user = await this.find(id);
    if (!user) {
      throw new UnauthorizedException('There is no such user.');
    }
    return user;
  }
}
