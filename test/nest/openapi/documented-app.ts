import {
  Module,
  type INestApplication,
  type ModuleMetadata,
  type Type,
} from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import {
  SessionJwtModule,
  type SessionJwtModuleExtras,
  type SessionJwtModuleOptions,
} from '../../../lib/index.js';
import { SECRET } from '../../support/secrets.js';

export const opened: INestApplication[] = [];

afterEach(async () => {
  await Promise.all(opened.splice(0).map((app) => app.close()));
});

export const sessions = (
  options: Partial<SessionJwtModuleOptions> & SessionJwtModuleExtras = {},
) =>
  SessionJwtModule.forRoot({ secret: SECRET, dataLoader: false, ...options });

/** An application with a session module, which is closed after the test. */
export async function open(
  controllers: Type[],
  options: Parameters<typeof sessions>[0] = {},
  metadata: ModuleMetadata = {},
): Promise<INestApplication> {
  return openWith({
    controllers,
    ...metadata,
    imports: [sessions(options), ...(metadata.imports ?? [])],
  });
}

export async function openWith(
  metadata: ModuleMetadata,
): Promise<INestApplication> {
  @Module(metadata)
  class AppModule {}

  const app = await NestFactory.create(AppModule, { logger: false });
  opened.push(app);
  return app;
}
