import { Body, Controller, Get, Header, Post, Redirect } from '@nestjs/common';
import { ActiveSession, Session, SessionService } from 'nestjs-session-jwt';
import { NotesService } from '../notes/notes.service.js';
import { settings } from '../settings.js';
import { plainPage } from './plain-page.js';

/**
 * The same notes without any script: the server renders the page and puts the CSRF token into its form. The
 * session is that of this very request: the guard has refreshed it where that was due.
 */
@Controller('plain')
export class PlainController {
  constructor(
    private readonly sessions: SessionService,
    private readonly notes: NotesService,
  ) {}

  @Get()
  @Header('Content-Type', 'text/html; charset=utf-8')
  @Header('Cache-Control', 'no-store')
  page(@Session() session: ActiveSession): string {
    return plainPage({
      user: session.data.name,
      loadedAt: session.loadedAt,
      notes: this.notes.of(session.subject),
      csrfToken: settings.isProtected ? this.sessions.csrfToken(session) : '',
    });
  }

  @Post()
  @Redirect('/plain', 303)
  add(@Session('subject') user: string, @Body('text') text: unknown): void {
    this.notes.add(user, text);
  }
}
