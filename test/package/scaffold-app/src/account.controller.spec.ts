import { Test } from '@nestjs/testing';
import { SessionService } from 'nestjs-session-jwt';
import { AccountController } from './account.controller.js';
import { UsersService } from './users.js';

describe('AccountController', () => {
  it('signs a user in', async () => {
    const signedIn: string[] = [];
    const module = await Test.createTestingModule({
      controllers: [AccountController],
      providers: [
        UsersService,
        {
          provide: SessionService,
          useValue: { generate: (user: string) => signedIn.push(user) },
        },
      ],
    }).compile();
    const credentials = { name: 'ada', password: 'lovelace' };
    await module.get(AccountController).login(credentials, {});
    expect(signedIn).toEqual(['u1']);
  });
});
