export { startSlackCatcher } from '../../src/demo/catchers.ts';
export type { SlackCatcher, SlackFault } from '../../src/demo/catchers.ts';
