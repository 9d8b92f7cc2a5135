/** Guards as an application would write them, all with the look-up of `@Public()`. */
import { UnauthorizedException } from '@nestjs/common';
import { Reflector } from '@nestjs/core';
import { injectable } from './app.mjs';

export const IS_PUBLIC = 'isPublic';

/** A guard whose `verify` answers immediately. */
export function synchronousGuard(read, verify) {
  class Guard {
    constructor(reflector) {
      this.reflector = reflector;
    }

    canActivate(context) {
      if (isPublic(this.reflector, context)) {
        return true;
      }
      const request = requestOf(context);
      const token = read(request);
      if (!token) {
        throw new UnauthorizedException();
      }
      try {
        request.session = verify(token);
      } catch {
        throw new UnauthorizedException();
      }
      return true;
    }
  }
  return injectable(Guard, Reflector);
}

/** A guard whose `verify` answers later, with `undefined` for a missing session. */
export function asynchronousGuard(read, verify) {
  class Guard {
    constructor(reflector) {
      this.reflector = reflector;
    }

    async canActivate(context) {
      if (isPublic(this.reflector, context)) {
        return true;
      }
      const request = requestOf(context);
      const token = read(request);
      if (!token) {
        throw new UnauthorizedException();
      }
      try {
        request.session = await verify(token);
      } catch {
        throw new UnauthorizedException();
      }
      if (!request.session) {
        throw new UnauthorizedException();
      }
      return true;
    }
  }
  return injectable(Guard, Reflector);
}

/** Finds the request of a route or of a resolver, as Nest's documentation shows. */
export function requestOf(context) {
  return context.getType() === 'graphql'
    ? context.getArgByIndex(2).req
    : context.switchToHttp().getRequest();
}

export function isPublic(reflector, context) {
  return reflector.getAllAndOverride(IS_PUBLIC, [
    context.getHandler(),
    context.getClass(),
  ]);
}

/** As in Nest's documentation. */
export function bearerToken(request) {
  const [type, token] = request.headers.authorization?.split(' ') ?? [];
  return type === 'Bearer' ? token : undefined;
}

/** Finds a cookie without parsing the others. */
export function cookieByHand(name) {
  const start = `${name}=`;
  return (request) => {
    const header = request.headers.cookie;
    let at = header?.indexOf(start) ?? -1;
    while (at > 0 && header[at - 1] !== ' ' && header[at - 1] !== ';') {
      at = header.indexOf(start, at + 1);
    }
    if (at === -1) {
      return undefined;
    }
    const end = header.indexOf(';', at);
    return header.slice(at + start.length, end === -1 ? undefined : end);
  };
}
