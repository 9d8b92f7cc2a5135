import { Body, Controller, Get, Session as NestSession } from '@nestjs/common';
import {
  ActiveSession,
  OptionalSession,
  Public,
  Session,
} from 'nestjs-session-jwt';
import type {
  Attributes,
  ExpandedUser,
  UserData,
} from './application-types.js';

interface Stranger {
  name: string;
}

@Controller()
export class Fitting {
  @Get('whole')
  whole(@Session() _session: ActiveSession) {}

  @Get('data')
  data(@Session('data') _user: ExpandedUser) {}

  @Get('less')
  less(@Session('data') _user: UserData) {}

  @Get('parts')
  parts(
    @Session('id') _id: string,
    @Session('subject') _subject: string,
    @Session('params') _params: string,
    @Session('attributes') _attributes: Readonly<Attributes>,
    @Session('issuedAt') _issuedAt: Date,
    @Session('authenticatedAt') _authenticatedAt: Date,
    @Session('loadedAt') _loadedAt: Date,
    @Session('expiresAt') _expiresAt: Date,
  ) {}

  @Get('among')
  among(
    @Body() _body: Stranger,
    @Session('data') _user: ExpandedUser,
    @Body('name') _name: string,
  ) {}

  @OptionalSession()
  @Get('optional')
  optional(@Session() _session: ActiveSession | undefined) {}

  @Public()
  @Get('public')
  open(@Session('subject') _subject?: string) {}

  @Get('wider')
  wider(
    @Session('data') _user: unknown,
    @Session('id') _id: string | number,
    @Session() _session: object,
  ) {}

  @Get('unchecked')
  unchecked(@Session('data') _user: any, @Session() _session: any) {}

  @Get('async')
  async later(@Session('data') user: ExpandedUser): Promise<string> {
    return user.id;
  }

  @Get('nest')
  nest(@NestSession() _session: ActiveSession) {}
}

@Controller()
export class NotFitting {
  @Get('data')
  // @ts-expect-error: the data is something else
  data(@Session('data') _user: Stranger) {}

  @Get('whole')
  // @ts-expect-error: the whole session is not its data
  whole(@Session() _user: ExpandedUser) {}

  @Get('id')
  // @ts-expect-error: an id is a string
  id(@Session('id') _id: number) {}

  @Get('date')
  // @ts-expect-error: a time is a Date
  date(@Session('issuedAt') _issuedAt: number) {}

  @Get('narrower')
  // @ts-expect-error: any string may come
  narrower(@Session('params') _params: 'ada') {}

  @Get('attributes')
  // @ts-expect-error: an attribute may be missing
  attributes(@Session('attributes') _attributes: { theme: string }) {}

  @Get('property')
  // @ts-expect-error: there is no such property
  property(@Session('user') _user: unknown) {}

  @Get('token')
  // @ts-expect-error: a session does not give its token away
  token(@Session('token') _token: string) {}

  @Get('second')
  second(
    @Session('data') _user: ExpandedUser,
    // @ts-expect-error: each parameter is checked by itself
    @Session('subject') _subject: Date,
  ) {}

  @Get('pipe')
  // @ts-expect-error: it takes no pipes
  pipe(@Session('data', String) _user: ExpandedUser) {}
}

export class NotAHandler {
  // @ts-expect-error: a constructor is built before there is a request
  constructor(@Session() readonly session: ActiveSession) {}

  get(): string {
    return this.session.id;
  }
}
