/** Keyturn put together. What a worker is made of, for src/cli; questions that need no worker, for `plan` and `doctor`. */
export { openApp, type App, type AppOptions } from './app.ts';
export { ask, type AskOptions } from './ask.ts';
export { VERSION } from './version.ts';
