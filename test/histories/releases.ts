/**
 * Released versions, and the last migration of each. A release adds its line; one that brings a migration, or a new state,
 * comes with a recorded history: `node test/histories/record.ts`.
 */
export const RELEASES: Readonly<Record<string, string>> = {
  '0.1.0': '0001-initial',
};
