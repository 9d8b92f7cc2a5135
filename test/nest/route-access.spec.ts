import { SetMetadata, type Type } from '@nestjs/common';
import { ExecutionContextHost } from '@nestjs/core/helpers/execution-context-host.js';
import {
  Authorize,
  CheckRevocation,
  OptionalSession,
  Passive,
  Public,
} from '../../lib/index.js';
import {
  rulesOf,
  type RouteAccess,
  type RouteRules,
} from '../../lib/nest/route-access.js';

/** What a route asks for, as the guard sees it. */
function rules(controller: Type, method: string): RouteRules {
  const handlers = controller.prototype as Record<string, () => void>;
  return rulesOf(new ExecutionContextHost([], controller, handlers[method]));
}

function access(controller: Type, method: string): RouteAccess {
  return rules(controller, method).access;
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

class Trusting {
  plain() {}

  @CheckRevocation()
  checking() {}

  @CheckRevocation(false)
  trusting() {}

  @CheckRevocation()
  @OptionalSession()
  checkingIfAny() {}

  @Public()
  @CheckRevocation()
  opened() {}
}

@CheckRevocation()
class Checking {
  plain() {}

  @CheckRevocation()
  checking() {}

  @CheckRevocation(false)
  trusting() {}

  @OptionalSession()
  optional() {}
}

class OfChecking extends Checking {
  override trusting() {}
}

@CheckRevocation(false)
class TrustingOfChecking extends Checking {}

@CheckRevocation()
class CheckingOfTrusting extends Trusting {}

/** Metadata of other libraries and of applications. */
@SetMetadata('check-revocation', true)
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

describe('what a route requires (A-141, A-142)', () => {
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
      ...Reflect.getMetadataKeys(Checking),
      ...Reflect.getMetadataKeys(Plain.prototype.opened),
      ...Reflect.getMetadataKeys(Plain.prototype.optional),
    ].filter((key) => !String(key).startsWith('design:'));
    expect(new Set(keys)).toEqual(
      new Set([
        'nestjs-session-jwt:access:v1',
        'nestjs-session-jwt:check-revocation:v1',
      ]),
    );
  });
});

describe('whether a route asks the store', () => {
  it.each<[string, Type, string, boolean, RouteAccess]>([
    ['no decorator anywhere', Trusting, 'plain', false, 'required'],
    ['@CheckRevocation()', Trusting, 'checking', true, 'required'],
    ['@CheckRevocation(false)', Trusting, 'trusting', false, 'required'],
    [
      '@CheckRevocation() and @OptionalSession()',
      Trusting,
      'checkingIfAny',
      true,
      'optional',
    ],
    ['@Public() above @CheckRevocation()', Trusting, 'opened', true, 'public'],
    ['@CheckRevocation() on the class', Checking, 'plain', true, 'required'],
    ['@CheckRevocation() on both', Checking, 'checking', true, 'required'],
    [
      '@CheckRevocation(false) in a @CheckRevocation() class',
      Checking,
      'trusting',
      false,
      'required',
    ],
    [
      '@OptionalSession() in a @CheckRevocation() class',
      Checking,
      'optional',
      true,
      'optional',
    ],
    [
      'a class that inherits @CheckRevocation()',
      OfChecking,
      'plain',
      true,
      'required',
    ],
    [
      'a method that overrides a @CheckRevocation(false) one and says nothing',
      OfChecking,
      'trusting',
      true,
      'required',
    ],
    [
      'a @CheckRevocation(false) class over a @CheckRevocation() one',
      TrustingOfChecking,
      'plain',
      false,
      'required',
    ],
    [
      'a @CheckRevocation() method of it, where the method wins',
      TrustingOfChecking,
      'checking',
      true,
      'required',
    ],
    [
      'a @CheckRevocation() class over a plain one',
      CheckingOfTrusting,
      'plain',
      true,
      'required',
    ],
    [
      'its inherited @CheckRevocation(false) method',
      CheckingOfTrusting,
      'trusting',
      false,
      'required',
    ],
    ['metadata of other names', LooksOpen, 'plain', false, 'required'],
  ])('%s', (_case, controller, method, checksRevocation, expected) => {
    const said = {
      checksRevocation,
      access: expected,
      isPassive: false,
      isAuthorized: false,
      requiresProof: false,
    };
    expect(rules(controller, method)).toEqual(said);
    // Remembered, and still right.
    expect(rules(controller, method)).toEqual(said);
  });

  it('is told apart for one method that two classes share', () => {
    expect(rules(CheckingOfTrusting, 'plain').checksRevocation).toBe(true);
    expect(rules(Trusting, 'plain').checksRevocation).toBe(false);
    expect(rules(CheckingOfTrusting, 'plain').checksRevocation).toBe(true);
  });
});

@Passive()
class Polled extends Plain {
  polled() {}

  @Passive(false)
  active() {}
}

class Clicked {
  plain() {}

  @Passive()
  polled() {}
}

@Passive(false)
class OfPolled extends Polled {}

describe('whether requests of a route are activity', () => {
  it.each<[what: string, controller: Type, method: string, isPassive: boolean]>(
    [
      ['a plain one', Clicked, 'plain', false],
      ['a @Passive() method', Clicked, 'polled', true],
      ['a method of a @Passive() class', Polled, 'polled', true],
      ['an inherited method of it', Polled, 'opened', true],
      ['a @Passive(false) method of it', Polled, 'active', false],
      ['a @Passive(false) class over it', OfPolled, 'polled', false],
    ],
  )('%s', (_what, controller, method, isPassive) => {
    expect(rules(controller, method).isPassive).toBe(isPassive);
  });
});

@Authorize(() => true)
class Authorized extends Plain {
  @OptionalSession()
  override optional() {}
}

class OfAuthorized extends Authorized {
  override plain() {}
}

@Public()
class OpenOfAuthorized extends Authorized {}

class Some {
  plain() {}

  @Authorize(() => true)
  authorized() {}

  @OptionalSession()
  @Authorize(() => true)
  optional() {}

  @Authorize(() => true)
  @Public()
  opened() {}
}

@OptionalSession()
class OptionalOfSome extends Some {
  override authorized() {}
}

describe('where @Authorize() applies, which requires a session', () => {
  it.each<
    [
      what: string,
      controller: Type,
      method: string,
      isAuthorized: boolean,
      access: RouteAccess,
    ]
  >([
    ['no decorator', Some, 'plain', false, 'required'],
    ['the method', Some, 'authorized', true, 'required'],
    ['an @OptionalSession() method', Some, 'optional', true, 'required'],
    ['a @Public() method', Some, 'opened', true, 'required'],
    ['the class', Authorized, 'plain', true, 'required'],
    ['its @OptionalSession() method', Authorized, 'optional', true, 'required'],
    ['its @Public() method', Authorized, 'opened', true, 'required'],
    ['a method in a class over it', OfAuthorized, 'plain', true, 'required'],
    ['a @Public() class over it', OpenOfAuthorized, 'plain', true, 'required'],
    [
      'a method that overrides a decorated one: nowhere',
      OptionalOfSome,
      'authorized',
      false,
      'optional',
    ],
    [
      'an inherited method of an @OptionalSession() class',
      OptionalOfSome,
      'opened',
      true,
      'required',
    ],
  ])('%s', (_what, controller, method, isAuthorized, expected) => {
    expect(rules(controller, method)).toMatchObject({
      isAuthorized,
      access: expected,
    });
  });
});
