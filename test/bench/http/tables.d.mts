import type { Table } from '../report/markdown.mjs';
import type { HttpResult } from './goals.mjs';

export function tablesOf(result: HttpResult): Table[];
