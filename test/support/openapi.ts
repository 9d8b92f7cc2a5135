import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, SwaggerModule } from '@nestjs/swagger';
import type { Operation } from '../../lib/nest/openapi/openapi-document.js';

/** A document as `createDocument` returns it, with the members that tests read. */
export type TestDocument = ReturnType<typeof SwaggerModule.createDocument>;

/** A document as applications create it, checked. */
export function documentOf(
  app: INestApplication,
  config: Parameters<
    typeof SwaggerModule.createDocument
  >[1] = new DocumentBuilder().build(),
): TestDocument {
  const document = SwaggerModule.createDocument(app, config);
  expect(faultsIn(document)).toEqual([]);
  return document;
}

/** The operations of a document by method and path: `GET /me`. */
export function operationsIn({
  paths,
}: Pick<TestDocument, 'paths'>): Readonly<Record<string, Operation>> {
  return Object.fromEntries(
    Object.entries(paths).flatMap(([path, item]) =>
      Object.entries(item as Record<string, Operation>).map(
        ([method, operation]) => [`${method.toUpperCase()} ${path}`, operation],
      ),
    ),
  );
}

/** What a security requirement may name, by its type (OpenAPI 3.0.3, section 4.7.27). */
const SCHEME_FIELDS: Readonly<Record<string, readonly string[]>> = {
  apiKey: ['name', 'in'],
  http: ['scheme'],
  oauth2: ['flows'],
  openIdConnect: ['openIdConnectUrl'],
};

/** Everything that makes a document invalid as far as this library could be the reason. */
export function faultsIn(document: object): string[] {
  const faults: string[] = [];
  const text = JSON.stringify(document);
  if (text.includes('nestjs-session-jwt')) {
    faults.push('a mark was left');
  }
  const { components = {}, paths, security } = document as TestDocument;
  const schemes = components.securitySchemes ?? {};
  for (const [name, scheme] of Object.entries(schemes)) {
    const fields = 'type' in scheme ? SCHEME_FIELDS[scheme.type] : undefined;
    if (!fields?.every((field) => field in scheme)) {
      faults.push(`scheme ${name} is incomplete`);
    }
  }
  for (const [kind, named] of Object.entries(components)) {
    for (const name of Object.keys(named as object)) {
      if (!/^[\w.-]+$/.test(name)) faults.push(`${kind} ${name}: its name`);
    }
  }
  const operations = Object.entries(operationsIn({ paths }));
  for (const [route, operation] of [
    ...operations,
    ['document', { security, responses: { 200: { description: '' } } }],
  ] as [string, Operation][]) {
    for (const name of (operation.security ?? []).flatMap(Object.keys)) {
      if (!(name in schemes)) faults.push(`${route} requires unknown ${name}`);
    }
    const responses = Object.values(operation.responses ?? {});
    if (responses.length === 0) faults.push(`${route} has no response`);
    for (const response of responses) {
      if (!('$ref' in response) && !('description' in response)) {
        faults.push(`${route} has a response without a description`);
      }
    }
    const parameters = (operation.parameters ?? []).map(
      (parameter) => `${parameter.in} ${parameter.name}`,
    );
    if (new Set(parameters).size < parameters.length) {
      faults.push(`${route} has a parameter twice`);
    }
  }
  for (const [, path] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
    const found = path!
      .split('/')
      .reduce<any>((part, name) => part?.[name], document);
    if (found === undefined) faults.push(`nothing at ${path}`);
  }
  return faults;
}
