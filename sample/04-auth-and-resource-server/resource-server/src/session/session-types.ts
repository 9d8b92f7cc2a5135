/** What the auth server puts into the session token of a user. Handlers get it from `@Session('data')`. */
export interface UserData {
  id: string;
  name: string;
}

declare module 'nestjs-session-jwt' {
  interface SessionTypes {
    data: UserData;
  }
}
