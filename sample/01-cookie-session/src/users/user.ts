export const ROLES = ['viewer', 'editor', 'admin'] as const;

export type Role = (typeof ROLES)[number];

export interface User {
  id: string;
  name: string;
  email: string;
  role: Role;
  disabled: boolean;
  /** Sessions that were signed in before this instant are over: "sign out everywhere". */
  sessionsValidFrom: Date;
}
