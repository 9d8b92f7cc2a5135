import { Injectable, ServiceUnavailableException } from '@nestjs/common';
import { Subject } from 'rxjs';
import { ROLES } from './user.js';
import type { User } from './user.js';

/** Two rows and a switch. What your application has instead is a real database. */
@Injectable()
export class FakeDatabase {
  /** Says in words what was done to it, for the page's log. */
  readonly changes$ = new Subject<string>();

  private up = true;
  private readonly rows = new Map<string, User>([
    ['ada', newUser('ada', 'Ada Lovelace', 'editor')],
    ['grace', newUser('grace', 'Grace Hopper', 'viewer')],
  ]);

  /** What the application asks. Fails while the database is down. */
  async select(id: string): Promise<User | undefined> {
    this.assertUp();
    return structuredClone(this.rows.get(id));
  }

  /** What the application changes. Fails while the database is down. */
  async update(id: string, change: Partial<User>): Promise<void> {
    this.assertUp();
    this.write(id, change, `${Object.keys(change).join()} of ${id} changed`);
  }

  /** What the demo buttons see and do, up or down. */
  look(): { isUp: boolean; users: User[] } {
    return { isUp: this.up, users: structuredClone([...this.rows.values()]) };
  }

  switchTo(state: 'up' | 'down'): void {
    this.up = state === 'up';
    this.changes$.next(`the database is ${state}`);
  }

  giveNextRole(id: string): void {
    const current = this.rows.get(id)?.role ?? 'viewer';
    const role = ROLES[(ROLES.indexOf(current) + 1) % ROLES.length] ?? current;
    this.write(id, { role }, `${id} is now ${role}`);
  }

  setDisabled(id: string, disabled: boolean): void {
    const said = `${id} is ${disabled ? 'disabled' : 'enabled again'}`;
    this.write(id, { disabled }, said);
  }

  private write(id: string, change: Partial<User>, said: string): void {
    const user = this.rows.get(id);
    if (user) {
      this.rows.set(id, { ...user, ...change });
      this.changes$.next(said);
    }
  }

  private assertUp(): void {
    if (!this.up) {
      throw new ServiceUnavailableException('The database is down.');
    }
  }
}

function newUser(id: string, name: string, role: User['role']): User {
  return {
    id,
    name,
    email: `${id}@example.com`,
    role,
    disabled: false,
    sessionsValidFrom: new Date(0),
  };
}
