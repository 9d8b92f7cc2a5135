import { Module } from '@nestjs/common';
import { SessionStorage } from './session-storage.js';

@Module({ providers: [SessionStorage], exports: [SessionStorage] })
export class StorageModule {}
