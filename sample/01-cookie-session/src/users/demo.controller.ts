import {
  Controller,
  Get,
  HttpCode,
  Param,
  ParseEnumPipe,
  Post,
} from '@nestjs/common';
import { Public } from 'nestjs-session-jwt';
import { FakeDatabase } from './fake-database.js';

const STATES = { up: 'up', down: 'down' } as const;

/**
 * The world outside the application: an administrator, a power cut. Public, so that it works
 * signed out and with the database down; nothing like this belongs into a real application.
 */
@Public()
@Controller('demo')
export class DemoController {
  constructor(private readonly database: FakeDatabase) {}

  @Get()
  state() {
    return this.database.look();
  }

  @Post('database/:state')
  @HttpCode(204)
  switchDatabase(
    @Param('state', new ParseEnumPipe(STATES)) state: keyof typeof STATES,
  ): void {
    this.database.switchTo(state);
  }

  @Post('users/:id/next-role')
  @HttpCode(204)
  nextRole(@Param('id') id: string): void {
    this.database.giveNextRole(id);
  }

  @Post('users/:id/disable')
  @HttpCode(204)
  disable(@Param('id') id: string): void {
    this.database.setDisabled(id, true);
  }

  @Post('users/:id/enable')
  @HttpCode(204)
  enable(@Param('id') id: string): void {
    this.database.setDisabled(id, false);
  }
}
