import { ROOT } from '../support/library-sources.js';
import {
  blocksOf,
  declaredIn,
  readPage,
  sectionsOf,
  SnippetFiles,
  type Section,
} from './snippets/page.js';

/** The text of the page. */
export const page = readPage('docs/coming-from.md');

export const sections = sectionsOf(page);

const COMMON = 'Common to all';

/** What every section takes for granted. */
export const common = sections.find(({ title }) => title === COMMON)!;

/** The sections that are each about one library. */
export const libraries = sections.filter(({ title }) => title !== COMMON);

/** Left out in the page. */
const IMPORTS = `import { Body, Controller, Delete, Get, Headers, HttpCode, Injectable, Param, Post, Req, Res } from '@nestjs/common';
import type { Request, Response } from 'express';
import { CheckRevocation, OptionalSession, Public, RequestFieldTransport, Session, SessionDataLoader, SessionService } from 'nestjs-session-jwt';
import type { ActiveSession, LoadContext, SessionJwtModuleOptions } from 'nestjs-session-jwt';
import { PostgresSessionStore } from 'nestjs-session-jwt/postgres';
import { RedisSessionStore } from 'nestjs-session-jwt/redis';
import { pool, redis, refreshSecret, secret, UsersService } from '${ROOT}test/docs/snippets/application.ts';
import type { LoginDto } from '${ROOT}test/docs/snippets/application.ts';
`;

/** A module of the blocks of a section and those that are the same for all, and of nothing else. */
export function moduleOf(section: Section): string {
  const inModule = [common, section].flatMap((each) => blocksOf(each, 'ts'));
  const inController = [common, section].flatMap((each) =>
    blocksOf(each, 'ts controller'),
  );
  const names = declaredIn(inModule.join('\n'));
  return `${IMPORTS}
${inModule.join('\n')}
@Controller()
class AccountController {
  constructor(private readonly sessions: SessionService, private readonly users: UsersService) {}
${inController.join('\n')}
}
export { AccountController, ${names.join(', ')} };
`;
}

/** The modules of all libraries, by title. */
export const sources = libraries.map((section): [string, string] => [
  section.title,
  moduleOf(section),
]);

export function writeSnippets(): SnippetFiles {
  return new SnippetFiles(sources);
}
