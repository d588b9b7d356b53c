/** Of each rule: when its alert is over, and what people do about it. The messages themselves name keys, callers and commands. */
import type { RuleName } from '../../src/core/finding.ts';

interface Healing {
  /** Continues "over". */
  readonly clears: string;
  /** Sentences. */
  readonly todo: string;
}

const WHO = 'see who calls with `keyturn usage <credential>`';
const STOLEN = 'If nobody of you does this, `keyturn revoke <credential> --reason "…"`.';

export const HEALING: Readonly<Record<RuleName, Healing>> = {
  request_rate: { clears: 'when it stayed below four fifths of it', todo: `${WHO}; mend the loop, or raise \`perMinute\`.` },
  unusual_traffic: { clears: 'when it looked usual again for a while', todo: `${WHO}. ${STOLEN}` },
  unusual_metric: { clears: 'when the series is back in its range for a while', todo: `${WHO}, and the logs of the application.` },
  error_rate: { clears: 'when the share fell clearly below it', todo: 'see in the logs of the application what it is answered.' },
  failed_authentications: { clears: 'when at most half as many are refused within that time', todo: `${WHO}; have that application read its key again, or block an address that is none of yours.` },
  retired_key_in_use: { clears: 'when nobody used it for `over`, or it is revoked', todo: `${WHO}; have that application read its key again.` },
  revoked_key_tried: { clears: 'when nobody tried it for `over`', todo: `${WHO}. If it is none of yours, find out how the key got there.` },
  dormant_key_waking: { clears: 'some time after it woke', todo: `${WHO}. ${STOLEN}` },
  new_network: { clears: 'once the network is familiar', todo: `${WHO}. ${STOLEN}` },
  new_user_agent: { clears: 'once the program is familiar', todo: `${WHO}. ${STOLEN}` },
  outside_hours: { clears: 'when it is not used outside the hours any more', todo: `${WHO}. ${STOLEN} If it is right, widen the hours.` },
  outside_networks: { clears: 'when nobody calls from outside any more', todo: `${WHO}. ${STOLEN} If it is right, add the network.` },
  quota_on_course: { clears: 'when the pace (or, of nodes, the share used) fell 5% below it, or the period began anew', todo: 'see with `keyturn keys` which key uses it; use less, or raise the quota. Once it is used up the alert is critical.' },
  key_limit_near: { clears: 'as soon as more keys are left', todo: '`keyturn keys` shows which could go; or raise the limit.' },
  key_unused: { clears: 'as soon as it is used, or replaced', todo: 'take the credential out and revoke its key; or, if it is kept for a rare use, switch the rule off for that credential.' },
  key_older_than_policy: { clears: 'when it is rotated', todo: '`keyturn plan <credential>` says what keeps it.' },
  unmanaged_key: { clears: 'when it is adopted, revoked, or named in `knownKeys`', todo: 'declare a credential and `keyturn adopt` it, revoke it by hand, or name it in `knownKeys`.' },
  name_against_convention: { clears: 'when the key is gone, or named in `knownKeys`', todo: 'replace it by one whose name says whose it is.' },
  scopes_wider_than_declared: { clears: 'when its scopes are the declared ones', todo: '`keyturn rotate <credential>`, or declare the scopes that it has.' },
  scopes_wider_than_used: { clears: 'when it is asked for more, or other scopes are declared', todo: 'change its `scopes` in the configuration, then `keyturn rotate <credential>`; or, if it needs more at times, switch the rule off for that credential.' },
  undeclared_key: { clears: 'when its credential is declared again, or the key is revoked', todo: 'declare it again, or revoke the key at the issuer.' },
  key_missing: { clears: 'when the credential has another current key', todo: 'find out who revoked it, then `keyturn rotate <credential>`. Of a key that is not current it is a warning.' },
  revoked_key_alive: { clears: 'when the issuer lists it as dead', todo: '`keyturn doctor --settle` has it revoked again.' },
  issuer_unavailable: { clears: 'at a look that works', todo: '`keyturn doctor` tells service, network and admin key apart.' },
  source_unavailable: { clears: 'when it was read again', todo: '`keyturn doctor`. It goes on where it stopped.' },
  scanner_silent: { clears: 'when a scan was done', todo: 'see the worker’s log for jobs that failed; restart it if it hangs.' },
  channel_failing: { clears: 'when a message got through; nobody is told of that', todo: '`keyturn doctor`, then `keyturn deliveries retry <channel>`.' },
};
