const { pathToFileURL } = require('node:url');
const { name: PACKAGE, exports: ENTRY_POINTS } = require('../../package.json');

const ROOT = new URL('../../', pathToFileURL(__filename));

/** Returns the address of the source of an entry point, `nestjs-session-jwt/redis`; `undefined` for other specifiers. */
exports.sourceOf = (specifier) => {
  const target = specifier.startsWith(PACKAGE)
    ? ENTRY_POINTS[specifier.replace(PACKAGE, '.')]?.default
    : undefined;
  return target
    ? new URL(target.replace('dist', 'lib').replace(/\.js$/, '.ts'), ROOT)
    : undefined;
};
