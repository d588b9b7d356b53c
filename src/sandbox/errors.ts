/** What can go wrong with the sandbox itself, for people: what happened, what it means, what to do. */
export type SandboxErrorCode = 'PORT_IN_USE' | 'CANNOT_LISTEN' | 'DATA_DIR_IN_USE' | 'DATA_DIR_UNUSABLE' | 'FAULTS_INVALID' | 'OPTION_INVALID';

export class SandboxError extends Error {
  readonly code: SandboxErrorCode;

  constructor(code: SandboxErrorCode, message: string, options?: { readonly cause?: unknown }) {
    super(message, options);
    this.name = 'SandboxError';
    this.code = code;
  }
}

/** The `code` that Node and SQLite put on their errors, or an empty string. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : '';
}
