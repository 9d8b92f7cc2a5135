import { servePassport } from '../peers/passport-jwt.mjs';
import { SECRET } from '../raw-jwt.mjs';

await servePassport(SECRET);
