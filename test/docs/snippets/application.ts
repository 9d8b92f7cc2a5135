/** What the blocks of the documentation take for granted: the application around them. */
import { Injectable, Module, UnauthorizedException } from '@nestjs/common';
import { Redis } from 'ioredis';
import { Pool } from 'pg';
import { OTHER_SECRET, SECRET } from '../../support/secrets.js';

export const secret = SECRET;
export const refreshSecret = OTHER_SECRET;

/** Of the server that the test started before it imported this; fails at once while that is away. */
export const redis = new Redis(process.env['REDIS_URL'] ?? '', {
  lazyConnect: true,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
});
redis.on('error', () => undefined);

export const pool = new Pool({ connectionString: process.env['DATABASE_URL'] });
// Without a listener, a connection that the server ends would end the process.
pool.on('error', () => undefined);

/** The functions of `expo-secure-store` that the recipe uses. */
export const SecureStore = {
  items: new Map<string, string>(),
  async getItemAsync(name: string): Promise<string | null> {
    return SecureStore.items.get(name) ?? null;
  },
  async setItemAsync(name: string, value: string): Promise<void> {
    SecureStore.items.set(name, value);
  },
  async deleteItemAsync(name: string): Promise<void> {
    SecureStore.items.delete(name);
  },
};

export interface User {
  id: string;
  email: string;
  roles: string[];
  sessionsValidFrom?: Date;
}

export interface LoginDto {
  user: string;
  password?: string;
}

/** A dialog; what the user types there. */
export const askForPassword = Object.assign(
  async (): Promise<string> => {
    askForPassword.asked += 1;
    return askForPassword.typed;
  },
  { typed: 'correct', asked: 0 },
);

@Injectable()
export class UsersService {
  readonly all = new Map<string, User>(
    [
      { id: 'ada', email: 'ada@app.example', roles: ['admin'] },
      { id: 'bob', email: 'bob@app.example', roles: ['member'] },
    ].map((user) => [user.id, user]),
  );
  loads = 0;
  /** Awaited before each answer while it is set. */
  gate: Promise<unknown> | undefined;

  async find(id: string): Promise<User | undefined> {
    this.loads += 1;
    await this.gate;
    return this.all.get(id);
  }

  async update(id: string, changes: Partial<User>): Promise<void> {
    Object.assign(this.all.get(id)!, changes);
  }

  /** Endless, slowly. */
  async *export(): AsyncGenerator<string> {
    for (;;) {
      yield 'a line\n';
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async authenticate({ user, password = 'correct' }: LoginDto): Promise<User> {
    const found = this.all.get(user);
    if (!found || password !== 'correct') {
      throw new UnauthorizedException();
    }
    return found;
  }
}

@Module({ providers: [UsersService], exports: [UsersService] })
export class UsersModule {}
