import { servePassport } from '../peers/passport-jwt.mjs';
import { KEY } from '../raw-jwt.mjs';

await servePassport(KEY);
