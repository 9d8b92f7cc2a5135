import { Injectable } from '@nestjs/common';
import { WsException } from '@nestjs/websockets';
import type { UserData } from '../session/user-session-loader.js';

export interface ChatMessage extends UserData {
  readonly text: string;
}

const LONGEST = 200;
const KEPT = 20;

/** The latest messages, in memory. */
@Injectable()
export class ChatService {
  private messages: readonly ChatMessage[] = [];

  recent(): readonly ChatMessage[] {
    return this.messages;
  }

  /** @param text anything that a client may send */
  add({ name, role }: UserData, text: unknown): ChatMessage {
    const trimmed = typeof text === 'string' ? text.trim() : '';
    if (trimmed === '' || trimmed.length > LONGEST) {
      throw new WsException(`A message has 1 to ${LONGEST} characters.`);
    }
    const message = { name, role, text: trimmed };
    this.messages = [...this.messages, message].slice(-KEPT);
    return message;
  }
}
