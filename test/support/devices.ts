import { Body, Controller, Get, HttpCode, Post } from '@nestjs/common';
import { ActiveSession, Session, SessionService } from '../../lib/index.js';

/** A page of the user's devices, as an application would write it. */
@Controller('devices')
export class DevicesController {
  constructor(private readonly sessions: SessionService) {}

  @Get()
  async list(@Session() session: ActiveSession) {
    const all = await this.sessions.list(session.subject);
    return all.map((info) => ({ ...info, isThis: info.id === session.id }));
  }

  @Post('end')
  @HttpCode(200)
  async end(@Session() session: ActiveSession, @Body() body: { id: string }) {
    const { subject } = session;
    return { ended: await this.sessions.revoke({ id: body.id, subject }) };
  }

  @Post('end-others')
  @HttpCode(200)
  async endOthers(@Session() session: ActiveSession) {
    const { subject, id } = session;
    return { ended: await this.sessions.revokeAll(subject, { except: id }) };
  }

  @Post('end-all')
  @HttpCode(200)
  async endAll(@Session('subject') subject: string) {
    return { ended: await this.sessions.revokeAll(subject) };
  }
}
