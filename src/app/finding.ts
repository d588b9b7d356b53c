import type { Finding } from './operations.ts';

/** The longest that `doctor` looks at one thing, milliseconds. */
export const LOOK_MS = 30_000;

const finding = (level: Finding['level']) => (subject: string, name: string, message: string): Finding => ({ subject, name, level, message });

export const [ok, warning, problem] = [finding('ok'), finding('warning'), finding('problem')];
