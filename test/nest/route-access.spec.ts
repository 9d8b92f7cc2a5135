import { SetMetadata, type Type } from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import { OptionalSession, Public } from '../../lib/index.js';
import { accessOf, type RouteAccess } from '../../lib/nest/route-access.js';

/** What a route asks for, as the guard sees it. */
function access(controller: Type, method: string): RouteAccess {
  const handlers = controller.prototype as Record<string, () => void>;
  return accessOf(new ExecutionContextHost([], controller, handlers[method]));
}

class Plain {
  plain() {}

  @Public()
  opened() {}

  @Public(false)
  closed() {}

  @OptionalSession()
  optional() {}

  @OptionalSession(false)
  notOptional() {}
}

@Public()
class Open {
  plain() {}

  @Public()
  opened() {}

  @Public(false)
  closed() {}

  @OptionalSession()
  optional() {}

  @OptionalSession(false)
  notOptional() {}
}

@OptionalSession()
class Optional {
  plain() {}

  @Public()
  opened() {}

  @Public(false)
  closed() {}

  @OptionalSession(false)
  notOptional() {}
}

@Public(false)
class Closed {
  plain() {}

  @Public()
  opened() {}
}

class OfPlain extends Plain {}
class OfOpen extends Open {}

@Public(false)
class ClosedOfOpen extends Open {}

@Public()
class OpenOfPlain extends Plain {}

class OverridesOpened extends Plain {
  override opened() {}
}

class OverridesClosed extends Plain {
  override closed() {}
}

class OverridesInOpen extends Open {
  override closed() {}
}

class OverridesAndSays extends Plain {
  @Public(false)
  override opened() {}

  @Public()
  override plain() {}
}

/** Metadata of other libraries and of applications. */
@SetMetadata('isPublic', true)
@SetMetadata('PUBLIC', 'public')
@SetMetadata('access', 'public')
@SetMetadata('public', true)
class LooksOpen {
  @SetMetadata('isPublic', true)
  @SetMetadata('PUBLIC', 'public')
  @SetMetadata('access', 'public')
  @SetMetadata('skipAuth', true)
  plain() {}
}

describe('what a route asks for (A-141, A-142)', () => {
  it.each<[string, Type, string, RouteAccess]>([
    ['no decorator anywhere', Plain, 'plain', 'required'],
    ['@Public() on the method', Plain, 'opened', 'public'],
    ['@Public(false) on the method', Plain, 'closed', 'required'],
    ['@OptionalSession() on the method', Plain, 'optional', 'optional'],
    ['@OptionalSession(false) on the method', Plain, 'notOptional', 'required'],

    ['@Public() on the class', Open, 'plain', 'public'],
    ['@Public() on both', Open, 'opened', 'public'],
    ['@Public(false) in a @Public() class', Open, 'closed', 'required'],
    ['@OptionalSession() in a @Public() class', Open, 'optional', 'optional'],
    [
      '@OptionalSession(false) in a @Public() class',
      Open,
      'notOptional',
      'required',
    ],

    ['@OptionalSession() on the class', Optional, 'plain', 'optional'],
    ['@Public() in an @OptionalSession() class', Optional, 'opened', 'public'],
    [
      '@Public(false) in an @OptionalSession() class',
      Optional,
      'closed',
      'required',
    ],
    [
      '@OptionalSession(false) in an @OptionalSession() class',
      Optional,
      'notOptional',
      'required',
    ],

    ['@Public(false) on the class', Closed, 'plain', 'required'],
    ['@Public() in a @Public(false) class', Closed, 'opened', 'public'],

    ['an inherited plain method', OfPlain, 'plain', 'required'],
    ['an inherited @Public() method', OfPlain, 'opened', 'public'],
    ['an inherited @Public(false) method', OfOpen, 'closed', 'required'],
    ['a class that inherits @Public()', OfOpen, 'plain', 'public'],
    [
      'a @Public(false) class over a @Public() one',
      ClosedOfOpen,
      'plain',
      'required',
    ],
    [
      'a @Public() method of it, where the method wins',
      ClosedOfOpen,
      'opened',
      'public',
    ],
    ['a @Public() class over a plain one', OpenOfPlain, 'plain', 'public'],
    ['its inherited @Public(false) method', OpenOfPlain, 'closed', 'required'],
    [
      'a method that overrides a @Public() one and says nothing',
      OverridesOpened,
      'opened',
      'required',
    ],
    [
      'a method that overrides a @Public(false) one and says nothing',
      OverridesClosed,
      'closed',
      'required',
    ],
    [
      'the same in a class that inherits @Public(): what stands on the class',
      OverridesInOpen,
      'closed',
      'public',
    ],
    [
      'a method that overrides a @Public() one with @Public(false)',
      OverridesAndSays,
      'opened',
      'required',
    ],
    [
      'a method that overrides a plain one with @Public()',
      OverridesAndSays,
      'plain',
      'public',
    ],

    ['metadata of other names', LooksOpen, 'plain', 'required'],
  ])('%s', (_case, controller, method, expected) => {
    expect(access(controller, method)).toBe(expected);
    // Remembered, and still right.
    expect(access(controller, method)).toBe(expected);
  });

  it('is told apart for one method that two classes share', () => {
    expect(access(OpenOfPlain, 'plain')).toBe('public');
    expect(access(Plain, 'plain')).toBe('required');
    expect(access(OfPlain, 'plain')).toBe('required');
    expect(access(OpenOfPlain, 'plain')).toBe('public');
  });

  it('is kept under names with the package as prefix, which nothing else uses', () => {
    const keys = [
      ...Reflect.getMetadataKeys(Open),
      ...Reflect.getMetadataKeys(Plain.prototype.opened),
      ...Reflect.getMetadataKeys(Plain.prototype.optional),
    ].filter((key) => !String(key).startsWith('design:'));
    expect(new Set(keys)).toEqual(new Set(['nestjs-session-jwt:access']));
  });
});
