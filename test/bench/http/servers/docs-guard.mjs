import { serveDocumentedGuard } from '../peers/docs-guard.mjs';
import { SECRET } from '../raw-jwt.mjs';

await serveDocumentedGuard(SECRET);
