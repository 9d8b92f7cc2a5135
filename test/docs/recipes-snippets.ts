import { ROOT } from '../support/library-sources.js';
import { common } from './coming-from-snippets.js';
import {
  blocksOf,
  declaredIn,
  readPage,
  sectionsOf,
  SnippetFiles,
  type Section,
} from './snippets/page.js';

/** The text of the page. */
export const page = readPage('docs/recipes.md');

export const recipes = sectionsOf(page);

/** Code of a module, members of a controller, statements of a method. */
export const FENCES = ['ts', 'ts controller', 'ts statements'] as const;

/** Left out in the page. */
const IMPORTS = `import type { IncomingMessage } from 'node:http';
import { pipeline } from 'node:stream/promises';
import { Body, Catch, Controller, Get, HttpCode, Injectable, Module, Post, Req, Res, SetMetadata, Sse, UseGuards } from '@nestjs/common';
import type { ArgumentsHost, CanActivate, ExecutionContext, INestApplication } from '@nestjs/common';
import { APP_GUARD, BaseExceptionFilter, Reflector } from '@nestjs/core';
import { WsAdapter } from '@nestjs/platform-ws';
import { MessageBody, SubscribeMessage, WebSocketGateway } from '@nestjs/websockets';
import type { OnGatewayConnection, OnGatewayInit } from '@nestjs/websockets';
import type { Request, Response } from 'express';
import { ActiveSession, Authorize, CheckRevocation, Passive, Public, RequireAuthentication, Session, SessionConnections, SessionDataLoader, SessionEndedError, SessionError, SessionGuard, SessionJwtModule, SessionService, toHttpException } from 'nestjs-session-jwt';
import type { LoadContext } from 'nestjs-session-jwt';
import { RedisSessionStore } from 'nestjs-session-jwt/redis';
import { fromEvent, interval, map, takeUntil } from 'rxjs';
import type { Namespace, Socket } from 'socket.io';
import type { WebSocket } from 'ws';
import { askForPassword, redis, secret, SecureStore, UsersModule, UsersService } from '${ROOT}test/docs/snippets/application.ts';
import type { LoginDto, User } from '${ROOT}test/docs/snippets/application.ts';
const useFactory = () => ({ secret });
`;

/** What the statements of a method have around them. */
const SCOPE = `{ app, body, context, request, response, session, user }: {
  app: INestApplication; body: { rememberMe?: unknown }; context: LoadContext; request: Request; response: Response; session: ActiveSession; user: User;
}`;

/** The imports that the page leaves out, without the names that a recipe imports itself. */
function importsBeside(text: string): string {
  const own = [...text.matchAll(/^import (?:type )?\{([^}]*)\}/gm)].flatMap(
    ([, names]) => names!.split(',').map((name) => name.trim()),
  );
  // The class of browsers has the name of the type of `ws`.
  if (/new WebSocket\(/.test(text)) own.push('WebSocket');
  const taken = new Set(own.map((name) => name.replace(/^type /, '')));
  return IMPORTS.replace(
    /\{([^}]*)\}/g,
    (_all, names: string) =>
      `{ ${names
        .split(',')
        .map((name) => name.trim())
        .filter((name) => !taken.has(name))
        .join(', ')} }`,
  );
}

/** A module of the blocks of a recipe, with the types and the loader of docs/coming-from.md. */
export function moduleOf(recipe: Section): string {
  const code = [common, recipe].flatMap((each) => blocksOf(each, 'ts'));
  const methods = blocksOf(recipe, 'ts statements').map(
    (statements, index) =>
      `async statements${index}(${SCOPE}) {\n${statements}}\n`,
  );
  return `${importsBeside(recipe.text)}
${code.join('\n')}
@Controller()
class RecipeController {
  constructor(private readonly sessions: SessionService, private readonly users: UsersService) {}
${[...blocksOf(recipe, 'ts controller'), ...methods].join('\n')}
}
export { RecipeController, ${declaredIn(code.join('\n')).join(', ')} };
`;
}

/** The modules of all recipes, by title. */
export const sources = recipes.map((recipe): [string, string] => [
  recipe.title,
  moduleOf(recipe),
]);

export function writeRecipes(): SnippetFiles {
  return new SnippetFiles(sources);
}
