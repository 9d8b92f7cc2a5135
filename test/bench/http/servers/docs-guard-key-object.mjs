import { serveDocumentedGuard } from '../peers/docs-guard.mjs';
import { KEY } from '../raw-jwt.mjs';

await serveDocumentedGuard(KEY);
