import {
  Body,
  Controller,
  Delete,
  HttpCode,
  Param,
  ParseIntPipe,
  Patch,
  Post,
} from '@nestjs/common';
import { Session } from 'nestjs-session-jwt';
import { NotesService } from './notes.service.js';

/** What changes notes. Reading them is the business of the gateway. Nothing here knows of CSRF: the guard does. */
@Controller('notes')
export class NotesController {
  constructor(private readonly notes: NotesService) {}

  @Post()
  @HttpCode(204)
  add(@Session('subject') user: string, @Body('text') text: unknown): void {
    this.notes.add(user, text);
  }

  @Post('clear')
  @HttpCode(204)
  clear(@Session('subject') user: string): void {
    this.notes.removeAll(user);
  }

  @Patch(':id')
  @HttpCode(204)
  rename(
    @Session('subject') user: string,
    @Param('id', ParseIntPipe) id: number,
    @Body('text') text: unknown,
  ): void {
    this.notes.rename(user, id, text);
  }

  @Delete(':id')
  @HttpCode(204)
  remove(
    @Session('subject') user: string,
    @Param('id', ParseIntPipe) id: number,
  ): void {
    this.notes.remove(user, id);
  }
}
