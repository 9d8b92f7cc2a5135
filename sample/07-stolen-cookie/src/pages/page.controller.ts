import { readdirSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import {
  Controller,
  Get,
  Header,
  NotFoundException,
  Param,
  StreamableFile,
} from '@nestjs/common';
import { Public } from 'nestjs-session-jwt';
import { settings } from '../settings.js';

const PAGE = new URL('../../public/index.html', import.meta.url);

/** The page's files, and the client as the library ships it. */
const FOLDERS = {
  app: new URL('../../public/', import.meta.url),
  session: new URL('.', import.meta.resolve('nestjs-session-jwt/client')),
};
const FILES = new Map<string, URL>();
for (const [address, folder] of Object.entries(FOLDERS)) {
  for (const name of readdirSync(folder)) {
    if (/\.(js|css)$/.test(name)) {
      FILES.set(`${address}/${name}`, new URL(name, folder));
    }
  }
}

@Public()
@Controller()
export class PageController {
  @Get()
  @Header('Content-Type', 'text/html; charset=utf-8')
  @Header('Cache-Control', 'no-cache')
  async page(): Promise<string> {
    const html = await readFile(PAGE, 'utf8');
    return html.replace('%LIFETIME%', String(settings.accessLifetimeSeconds));
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
    const type = name.endsWith('.css') ? 'text/css' : 'text/javascript';
    return new StreamableFile(await readFile(file), {
      type: `${type}; charset=utf-8`,
    });
  }
}
