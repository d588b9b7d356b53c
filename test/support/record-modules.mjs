/** Preloaded with `--import`: writes down the URL of every module that a process loads, in the file that $MODULES_LOG names. */
import { appendFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

registerHooks({
  resolve(specifier, context, next) {
    const resolved = next(specifier, context);
    appendFileSync(process.env.MODULES_LOG, `${resolved.url}\n`);
    return resolved;
  },
});
