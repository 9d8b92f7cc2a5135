import { Body, Controller, Get, Post } from '@nestjs/common';
import { Session } from 'nestjs-session-jwt';
import type { UserData } from '../session/session-types.js';

/** The application itself: notes of whoever is signed in, whose name is in the token. */
@Controller('notes')
export class NotesController {
  private readonly notes = new Map<string, string[]>();

  @Get()
  list(@Session('data') user: UserData) {
    return { of: user.name, notes: this.notes.get(user.id) ?? [] };
  }

  @Post()
  add(@Session('data') user: UserData, @Body('text') text: unknown) {
    const notes = [...(this.notes.get(user.id) ?? []), String(text)];
    this.notes.set(user.id, notes);
    return { of: user.name, notes };
  }
}
