import {
  BadRequestException,
  Injectable,
  NotFoundException,
} from '@nestjs/common';
import { Subject } from 'rxjs';

export interface Note {
  readonly id: number;
  readonly text: string;
}

const LONGEST = 80;

/** The notes of all users, in memory. */
@Injectable()
export class NotesService {
  /** Says whose notes were changed. */
  readonly changes$ = new Subject<string>();

  private readonly notes = new Map<string, readonly Note[]>();
  private lastId = 0;

  of(userId: string): readonly Note[] {
    return this.notes.get(userId) ?? [];
  }

  add(userId: string, text: unknown): void {
    this.lastId += 1;
    const note = { id: this.lastId, text: readText(text) };
    this.set(userId, [...this.of(userId), note]);
  }

  rename(userId: string, id: number, text: unknown): void {
    const note = { ...this.find(userId, id), text: readText(text) };
    this.set(
      userId,
      this.of(userId).map((each) => (each.id === id ? note : each)),
    );
  }

  remove(userId: string, id: number): void {
    const gone = this.find(userId, id);
    this.set(
      userId,
      this.of(userId).filter((each) => each !== gone),
    );
  }

  removeAll(userId: string): void {
    this.set(userId, []);
  }

  private find(userId: string, id: number): Note {
    const note = this.of(userId).find((each) => each.id === id);
    if (!note) {
      throw new NotFoundException('There is no such note.');
    }
    return note;
  }

  private set(userId: string, notes: readonly Note[]): void {
    this.notes.set(userId, notes);
    this.changes$.next(userId);
  }
}

function readText(text: unknown): string {
  const trimmed = typeof text === 'string' ? text.trim() : '';
  if (trimmed === '' || trimmed.length > LONGEST) {
    throw new BadRequestException(`A note has 1 to ${LONGEST} characters.`);
  }
  return trimmed;
}
