import type { SessionErrorCode } from '../../errors/session-error.js';
import { possibleRefusals } from '../../session/possible-refusals.js';
import { isForBrowsersAlone } from '../routes/device-binding.controller.js';
import { readyMadeRoutes } from '../routes/describe-routes.js';
import type { SessionRuntime } from '../session-runtime.js';
import { describeCsrfHeaders, describeRefusals } from './describe-refusals.js';
import { defineRequired, describeSecurity } from './describe-security.js';
import type {
  DescribedModule,
  GuardedRoute,
  GuardedRoutes,
} from './guarded-routes.js';
import { NamedComponents } from './named-components.js';
import type {
  OpenApiDocument,
  Operation,
  PathItem,
} from './openapi-document.js';
import type { RouteMarks } from './route-marks.js';

/** Everything that the completion of one document depends on. */
interface Parts {
  readonly marks: RouteMarks;
  readonly routes: GuardedRoutes;
  readonly described: readonly DescribedModule[];
}

/**
 * Completes a document with what the guards require, and with the ready-made routes. Removes the marks. Changes no
 * object of the application, which may use its parts for other documents.
 */
export function completeDocument<Document extends OpenApiDocument>(
  document: Document,
  { marks, routes, described }: Parts,
): Document {
  const { paths, webhooks } = document;
  const components = new NamedComponents(document);
  const modules = described.map(({ runtime }) => runtime);
  defineRequired(document, modules, components);
  const completion = new OperationCompletion(document, described, components);
  const completed = {
    ...document,
    paths: eachOperation(paths, (operation, method) => {
      const route = routes.find(marks.targetsOf(operation));
      const plain = marks.removedFrom(operation);
      return route ? completion.complete(plain, method, route) : plain;
    }),
    ...(webhooks && {
      webhooks: eachOperation(webhooks, (operation) =>
        marks.removedFrom(operation),
      ),
    }),
  };
  return { ...completed, components: components.all };
}

/** Completes the operations of one document. */
class OperationCompletion {
  readonly #document: OpenApiDocument;
  readonly #described: readonly DescribedModule[];
  readonly #components: NamedComponents;

  constructor(
    document: OpenApiDocument,
    described: readonly DescribedModule[],
    components: NamedComponents,
  ) {
    this.#document = document;
    this.#described = described;
    this.#components = components;
  }

  /** Returns `undefined` for a ready-made route that does not exist with these options, or is only for browsers. */
  complete(
    operation: Operation,
    method: string,
    route: GuardedRoute,
  ): Operation | undefined {
    const { access, isAuthorized, requiresProof, modules } = route;
    const known = this.#withReadyMade(operation, route);
    if (!known) {
      return undefined;
    }
    const secured = describeSecurity(
      known,
      { access, modules, inherited: this.#document.security ?? [] },
      this.#components,
    );
    return access === 'public'
      ? secured
      : modules.reduce(
          (described, module) =>
            this.#withRefusals(
              described,
              module,
              possibleRefusals(module, {
                method,
                isOptional: access === 'optional',
                isAuthorized,
                requiresProof,
              }),
            ),
          secured,
        );
  }

  #withReadyMade(
    operation: Operation,
    { controller, name }: GuardedRoute,
  ): Operation | undefined {
    if (isForBrowsersAlone(controller)) {
      return undefined;
    }
    const owner = this.#described.find(
      ({ routes }) => routes?.controller === controller,
    );
    if (!owner?.routes) {
      return operation;
    }
    const { runtime, routes } = owner;
    const readyMade = readyMadeRoutes(routes.options, runtime).get(name);
    return (
      readyMade &&
      this.#withRefusals(
        {
          ...operation,
          ...readyMade.operation,
          responses: {
            ...operation.responses,
            ...readyMade.operation.responses,
          },
        },
        runtime,
        readyMade.refusals,
      )
    );
  }

  #withRefusals(
    operation: Operation,
    module: SessionRuntime,
    refusals: readonly SessionErrorCode[],
  ): Operation {
    const described = describeRefusals(
      operation,
      refusals,
      module,
      this.#components,
    );
    return refusals.includes('CSRF_REFUSED')
      ? describeCsrfHeaders(described, module)
      : described;
  }
}

/** Replaces every operation, and removes those that become `undefined`, with paths that have none left. */
function eachOperation(
  paths: Readonly<Record<string, PathItem>>,
  replace: (operation: Operation, method: string) => Operation | undefined,
): Record<string, PathItem> {
  return Object.fromEntries(
    Object.entries(paths)
      .map(([path, item]): [string, PathItem] => [
        path,
        Object.fromEntries(
          Object.entries(item).flatMap(([method, operation]) => {
            const replaced = replace(operation, method.toUpperCase());
            return replaced ? [[method, replaced]] : [];
          }),
        ),
      ])
      .filter(([, item]) => Object.keys(item).length > 0),
  );
}
