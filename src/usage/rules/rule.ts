import type { Finding } from '../../core/finding.ts';
import type { RuleSettings } from '../../core/watching.ts';
import type { Sight } from '../scan/sight.ts';

/** Looks at one credential. Pure; gives a finding for everything at or beyond its clearing level. */
export type Look<Name extends keyof RuleSettings> = (sight: Sight, settings: NonNullable<RuleSettings[Name]>) => readonly Finding[];
