import { Authorize } from 'nestjs-session-jwt';
import type { Role } from '../users/user.js';

/** Requires one of these roles. */
export const Roles = (...roles: Role[]) =>
  Authorize(({ data }) => roles.includes(data.role));
