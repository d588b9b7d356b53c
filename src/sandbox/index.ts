/** A HyperMemory-compatible service for tests and the demo: it imports nothing of the rest of Keyturn. */
export { runSandboxCommand } from './command.ts';
export type { SandboxCommandOptions } from './command.ts';
export { SandboxError } from './errors.ts';
export type { SandboxErrorCode } from './errors.ts';
export type { FaultStatus } from './faults/engine.ts';
export type { FaultEffect, FaultRule } from './faults/schema.ts';
export type { FaultReport, Inspection, KeyLife, PersonsKey, RequestSummary } from './inspection.ts';
export type { SandboxOptions } from './options.ts';
export type { Environment, Generation, Limits, Plan } from './plans.ts';
export { RunningSandbox } from './running.ts';
export { startSandbox } from './start.ts';
