import {
  Body,
  Controller,
  Get,
  HttpCode,
  NotFoundException,
  Post,
} from '@nestjs/common';
import {
  ActiveSession,
  CheckRevocation,
  Session,
  SessionService,
} from 'nestjs-session-jwt';
import { SessionStorage } from '../session/session-storage.js';

/** The devices of the signed-in user. A session that was ended elsewhere must not end the others: the store is queried. */
@CheckRevocation()
@Controller('devices')
export class DevicesController {
  constructor(
    private readonly sessions: SessionService,
    private readonly storage: SessionStorage,
  ) {}

  @Get()
  async list(@Session() session: ActiveSession) {
    const devices = await this.sessions.list(session.subject);
    return {
      user: session.data,
      devices: devices.map(({ id, metadata, createdAt, lastSeenAt }) => ({
        id,
        isThisDevice: id === session.id,
        metadata,
        createdAt,
        lastSeenAt,
      })),
      server: { process: process.pid, keptIn: this.storage.place },
    };
  }

  /** The subject is that of the session, never of the request: nobody ends sessions of others. */
  @Post('end')
  @HttpCode(204)
  async end(
    @Session('subject') subject: string,
    @Body('id') id: unknown,
  ): Promise<void> {
    const ended =
      typeof id === 'string' && (await this.sessions.revoke({ id, subject }));
    if (!ended) {
      throw new NotFoundException('There is no such session.');
    }
  }

  @Post('end-others')
  async endOthers(@Session() session: ActiveSession) {
    const except = session.id;
    return {
      ended: await this.sessions.revokeAll(session.subject, { except }),
    };
  }
}
