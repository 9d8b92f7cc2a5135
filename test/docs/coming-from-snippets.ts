import {
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import ts from 'typescript';
import { ROOT } from '../support/library-sources.js';

/** The text of the page. */
export const page = readFileSync(join(ROOT, 'docs/coming-from.md'), 'utf8');

/** Everything below one heading of the second level. */
export interface Section {
  readonly title: string;
  readonly text: string;
}

export const sections: Section[] = page
  .split(/^## /m)
  .slice(1)
  .map((part) => {
    const [title = '', ...lines] = part.split('\n');
    return { title, text: lines.join('\n') };
  });

const COMMON = 'The same for all';

/** The sections that are each about one library. */
export const libraries = sections.filter(({ title }) => title !== COMMON);

/** @param fence what stands behind the three backticks: `ts controller` marks methods of a controller */
export function blocksOf({ text }: Section, fence: string): string[] {
  const blocks = text.matchAll(/^```(.*)\n([^]*?)^```$/gm);
  return [...blocks].flatMap(([, found, code]) =>
    found === fence ? [code!] : [],
  );
}

/** Left out in the page. */
const IMPORTS = `import { Body, Controller, Delete, ForbiddenException, Get, Headers, HttpCode, Injectable, Param, Post, Req, Res } from '@nestjs/common';
import type { CanActivate, ExecutionContext } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
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
  const common = sections.find(({ title }) => title === COMMON)!;
  const inModule = [common, section].flatMap((each) => blocksOf(each, 'ts'));
  const inController = [common, section].flatMap((each) =>
    blocksOf(each, 'ts controller'),
  );
  const names = [
    ...inModule.join('\n').matchAll(/^(?:class|const) (\w+)/gm),
  ].map(([, name]) => name!);
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

/** The modules of all libraries as files, from which they can be compiled and imported. */
export class SnippetFiles {
  readonly #folder = mkdtempSync(join(tmpdir(), 'session-docs-'));

  constructor() {
    writeFileSync(join(this.#folder, 'package.json'), '{"type":"module"}');
    symlinkSync(
      join(ROOT, 'node_modules'),
      join(this.#folder, 'node_modules'),
      'dir',
    );
    for (const section of libraries) {
      writeFileSync(this.pathOf(section.title), moduleOf(section));
    }
  }

  pathOf(title: string): string {
    return join(this.#folder, `${title.replaceAll(' ', '-')}.ts`);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** What the compiler has to say about some files, with the options of this repository. */
export function compile(paths: string[]): string[] {
  const { config } = ts.readConfigFile(
    join(ROOT, 'tsconfig.json'),
    ts.sys.readFile,
  ) as { config: { compilerOptions: { paths: Record<string, string[]> } } };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, ROOT);
  const program = ts.createProgram(paths, {
    ...options,
    noEmit: true,
    allowImportingTsExtensions: true,
    // A section does not use every import.
    noUnusedLocals: false,
    // Where the files are says nothing about the types of this repository.
    rootDir: '/',
    typeRoots: [join(ROOT, 'node_modules/@types')],
  });
  return paths.flatMap((path) => {
    const source = program.getSourceFile(path)!;
    return [
      ...program.getSyntacticDiagnostics(source),
      ...program.getSemanticDiagnostics(source),
    ].map(({ messageText, start = 0 }) => {
      const { line } = source.getLineAndCharacterOfPosition(start);
      const text = source.text.split('\n')[line]!.trim();
      return `${text}: ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
    });
  });
}
