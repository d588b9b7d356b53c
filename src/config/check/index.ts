/** What no single field can tell. */
import { checkCredentials } from './credentials.ts';
import type { CheckInput, Remark } from './input.ts';
import { checkLeaks } from './leaks.ts';
import { checkPeople } from './people.ts';
import { checkPlaces } from './places.ts';
import { checkPolicies } from './policies.ts';
import { checkReferences } from './references.ts';
import { checkResponses } from './responses.ts';
import { checkService } from './service.ts';
import { checkUsage } from './usage.ts';

const CHECKS: readonly ((input: CheckInput) => readonly Remark[])[] = [checkReferences, checkPolicies, checkPlaces, checkCredentials, checkPeople, checkService, checkUsage, checkLeaks, checkResponses];

export function checkAcross(input: CheckInput): readonly Remark[] {
  return CHECKS.flatMap((check) => check(input));
}
