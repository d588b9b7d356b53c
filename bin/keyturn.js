#!/usr/bin/env node
// Old syntax on purpose: an old Node must get as far as the sentence below.
import { existsSync, readFileSync } from 'fs';
import module from 'module';
import { fileURLToPath } from 'url';

var NEEDED = [22, 19];
/** For what was written last to get out. */
var FLUSH_MS = 2000;
var version = process.versions.node.split('.').map(Number);

if (version[0] < NEEDED[0] || (version[0] === NEEDED[0] && version[1] < NEEDED[1])) {
  process.stderr.write(
    'error: Keyturn needs Node.js ' + NEEDED.join('.') + ' or newer, and this is ' + process.versions.node + '.\n' +
    '  In a clone, `npm run keyturn -- <command>` brings its own; elsewhere install a newer Node.js.\n'
  );
  process.exitCode = 2;
} else {
  // Node 22 warns that stripping types is experimental; that is nothing for the user of a command.
  process.removeAllListeners('warning');
  process.on('warning', function (warning) {
    if (warning.name !== 'ExperimentalWarning') process.stderr.write(warning.name + ': ' + warning.message + '\n');
  });
  var source = new URL('../src/cli/main.ts', import.meta.url);
  var built = new URL('../dist/src/cli/main.js', import.meta.url);
  var manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  var clone = existsSync(source);
  // Stripping types costs a clone more than all else at start-up. The cache lies beside the code, as safe as the code is.
  if (clone) module.enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/keyturn', import.meta.url)));
  import((clone ? source : built).href)
    .then(function (cli) { return cli.main({ argv: process.argv.slice(2), env: process.env, version: manifest.version }); })
    .then(end)
    .catch(function (error) {
      process.stderr.write('error: Keyturn cannot start: ' + error.message + '\n  Install its dependencies with `npm ci`, or install the package again.\n');
      end(1);
    });
}

/** What a command leaves behind, as the timers of a database that would not start, must not keep its process: whoever restarts workers waits for the end. */
function end(code) {
  process.exitCode = code;
  setTimeout(function () { process.exit(); }, FLUSH_MS).unref();
}
