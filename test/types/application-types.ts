/** What an application declares once, with every member there is. */
export interface UserData {
  id: string;
  roles: string[];
}

export interface ExpandedUser extends UserData {
  can(permission: string): boolean;
}

export interface Attributes {
  theme?: string;
  visits?: number;
}

declare module 'nestjs-session-jwt' {
  interface SessionTypes {
    params: string;
    data: UserData;
    attributes: Attributes;
    expanded: ExpandedUser;
  }
}
