import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import {
  Controller,
  Get,
  Header,
  Headers,
  NotFoundException,
  Param,
  ParseEnumPipe,
  Redirect,
  StreamableFile,
} from '@nestjs/common';
import { Public } from 'nestjs-session-jwt';
import { Counts } from '../demo/counts.js';
import { settings } from '../settings.js';
import { contentTypeOf } from './content-type.js';

/** The files that pages load, by their address: the page's own, and the client as the library ships it. */
const FILES = new Map<string, URL>();
const FOLDERS = {
  app: new URL('../../public/app/', import.meta.url),
  shared: new URL('../../public/shared/', import.meta.url),
  client: new URL('.', import.meta.resolve('nestjs-session-jwt/client')),
};
for (const [address, folder] of Object.entries(FOLDERS)) {
  for (const name of readdirSync(folder)) {
    FILES.set(`${address}/${name}`, new URL(name, folder));
  }
}

/** The same site and another origin; and another site. */
const ATTACKERS = { sibling: 'evil.notes.localhost', other: 'evil.localhost' };
const ATTACKER = { sibling: 'sibling', other: 'other' } as const;

/** The page and what it consists of, the same way on Express and Fastify. */
@Public()
@Controller()
export class PageController {
  constructor(private readonly counts: Counts) {}

  @Get()
  @Header('Content-Type', 'text/html; charset=utf-8')
  @Header('Cache-Control', 'no-cache')
  page(): Promise<string> {
    return readFile(FILES.get('app/index.html')!, 'utf8');
  }

  @Get('files/:folder/:name')
  @Header('Cache-Control', 'no-cache')
  async file(
    @Param('folder') folder: string,
    @Param('name') name: string,
  ): Promise<StreamableFile> {
    const file = FILES.get(`${folder}/${name}`);
    if (!file) {
      throw new NotFoundException();
    }
    if (name === 'app.js') this.counts.pageOpened();
    return new StreamableFile(await readFile(file), {
      type: contentTypeOf(name),
    });
  }

  /** To the attacker's page, which is told whom to attack. */
  @Get('attacker/:which')
  @Redirect()
  attacker(
    @Param('which', new ParseEnumPipe(ATTACKER))
    which: keyof typeof ATTACKERS,
    @Headers('host') host: string,
  ) {
    const attacker = `http://${ATTACKERS[which]}:${settings.attackerPort}`;
    return { url: `${attacker}/?target=http://${host}`, statusCode: 302 };
  }
}
