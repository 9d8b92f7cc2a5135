import { randomBytes, scryptSync, timingSafeEqual } from 'node:crypto';
import { Injectable, UnauthorizedException } from '@nestjs/common';

export interface User {
  readonly id: string;
  readonly name: string;
}

const ADA: User = { id: 'ada', name: 'Ada Lovelace' };

/** One user, who chooses a password at the first sign-in. Your application has a database instead. */
@Injectable()
export class UsersService {
  private password: { salt: Buffer; hash: Buffer } | undefined;

  find(id: string): User | undefined {
    return id === ADA.id ? ADA : undefined;
  }

  /**
   * A real application also limits the attempts.
   *
   * @throws {UnauthorizedException} for a wrong password
   */
  authenticate(password: unknown): User {
    if (typeof password !== 'string' || password === '') {
      throw new UnauthorizedException('Enter a password.');
    }
    const salt = this.password?.salt ?? randomBytes(16);
    const hash = scryptSync(password, salt, 32);
    this.password ??= { salt, hash };
    if (!timingSafeEqual(hash, this.password.hash)) {
      throw new UnauthorizedException('The password is wrong.');
    }
    return ADA;
  }
}
