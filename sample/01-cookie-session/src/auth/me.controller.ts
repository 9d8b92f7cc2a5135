import { Body, Controller, Get, ParseEnumPipe, Post } from '@nestjs/common';
import {
  ActiveSession,
  Session,
  SessionClock,
  SessionService,
} from 'nestjs-session-jwt';
import {
  DATA_REFRESH_INTERVAL_SECONDS,
  MAX_STALE_SECONDS,
} from '../session/session-times.js';

const THEME_CHOICES = { auto: 'auto', light: 'light', dark: 'dark' } as const;

/** Who is signed in. Nothing here is public, so the guard has checked and, when due, reloaded the session. */
@Controller('me')
export class MeController {
  constructor(
    private readonly sessions: SessionService,
    private readonly clock: SessionClock,
  ) {}

  @Get()
  me(@Session() session: ActiveSession) {
    return {
      user: session.data,
      theme: session.attributes.theme ?? 'auto',
      signedInAt: session.issuedAt,
      loadedAt: session.loadedAt,
      expiresAt: session.expiresAt,
      now: new Date(this.clock.nowSeconds() * 1000),
      reloadAfterSeconds: DATA_REFRESH_INTERVAL_SECONDS,
      maxStaleSeconds: MAX_STALE_SECONDS,
    };
  }

  /** Loads the data now, whatever its age. An application does it after it has changed the user itself. */
  @Post('reload')
  reload(@Session() session: ActiveSession) {
    return this.sessions.reload(session);
  }

  /** An attribute belongs to this session, not to its user, and survives every reload. */
  @Post('theme')
  setTheme(
    @Session() session: ActiveSession,
    @Body('theme', new ParseEnumPipe(THEME_CHOICES))
    theme: keyof typeof THEME_CHOICES,
  ) {
    return this.sessions.update(session, {
      theme: theme === 'auto' ? null : theme,
    });
  }
}
