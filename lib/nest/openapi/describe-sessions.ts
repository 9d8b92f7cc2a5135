import type { INestApplication } from '@nestjs/common';
import { ModulesContainer } from '@nestjs/core';
import { completeDocument } from './complete-document.js';
import { GuardedRoutes, type DescribedModule } from './guarded-routes.js';
import type { OpenApiDocument } from './openapi-document.js';
import { RouteMarks } from './route-marks.js';

/** The part of `SwaggerModule` that creates documents. */
interface DocumentFactory {
  createDocument: (
    this: unknown,
    app: INestApplication,
    ...rest: unknown[]
  ) => OpenApiDocument;
}

const described = new WeakMap<ModulesContainer, DescribedModule[]>();
const extended = new WeakSet<DocumentFactory>();

/**
 * Describes a session module in the OpenAPI documents of an application, if `@nestjs/swagger` is installed. Extends
 * `SwaggerModule.createDocument`, because metadata on handlers would not do: handlers are shared by applications with
 * other options, and by controllers with other guards.
 *
 * @param application identifies the application
 */
export async function describeSessions(
  application: ModulesContainer,
  module: DescribedModule,
): Promise<void> {
  const factory = await importSwaggerModule();
  if (!factory) {
    return;
  }
  described.set(application, [...(described.get(application) ?? []), module]);
  if (!extended.has(factory)) {
    extended.add(factory);
    extend(factory);
  }
}

function extend(factory: DocumentFactory): void {
  const { createDocument } = factory;
  factory.createDocument = function (app, ...rest) {
    const create = (): OpenApiDocument =>
      createDocument.call(this, app, ...rest);
    const application = app.get(ModulesContainer);
    const modules = described.get(application);
    if (!modules) {
      return create();
    }
    const routes = new GuardedRoutes(application, modules);
    const marks = new RouteMarks(routes.targets);
    return completeDocument(marks.during(create), {
      marks,
      routes,
      described: modules,
    });
  };
}

async function importSwaggerModule(): Promise<DocumentFactory | undefined> {
  try {
    // Its types are not ours: the package is optional.
    const swagger = (await import('@nestjs/swagger')) as unknown as {
      SwaggerModule?: DocumentFactory;
    };
    return swagger.SwaggerModule;
  } catch {
    return undefined;
  }
}
