import { Module } from '@nestjs/common';
import { KeyVault } from './key-vault.js';
import { KeysController } from './keys.controller.js';

@Module({
  controllers: [KeysController],
  providers: [KeyVault],
  exports: [KeyVault],
})
export class KeysModule {}
