/** Alerts as people ask for them and change them. */
import { INHIBITIONS, matches, muteOf, mutesAt, type Mutes } from '../alerts/mutes.ts';
import { alertSettings, explainRoute } from '../config/index.ts';
import type { Alert } from '../core/alert.ts';
import { days } from '../core/duration.ts';
import { KeyturnError } from '../core/errors.ts';
import { FINDING_RULES, isRule, RULE_NAMES, type RuleName } from '../core/finding.ts';
import { parseMatcher } from '../core/matcher.ts';
import type { CredentialRecord } from '../ports/ledger.ts';
import type { AlertChanges, AlertQuestions, AlertRoute, AlertRouteRequest } from './alert-operations.ts';
import { alertDetail, alertView, muteView, silenceView } from './alert-views.ts';
import type { Context } from './context.ts';
import { declared, everDeclared } from './changes.ts';

const DEFAULT_LIMIT = 50;
const MOST = 1_000;
const LONGEST_SILENCE_MS = days(365);

export function alertQuestions(context: Context): AlertQuestions {
  const { alerts, ledger } = context;
  return {
    async alerts({ limit, ...filter }) {
      await everDeclared(context, filter.credential);
      if (filter.rule !== undefined) knownRule(filter.rule);
      const [found, mutes] = await Promise.all([alerts.list(filter, { limit: limit ?? DEFAULT_LIMIT }), mutesNow(context)]);
      return found.map((alert) => alertView(alert, mutes));
    },
    async alert(idOrPrefix) {
      const alert = await known(context, idOrPrefix);
      const [members, mutes] = await Promise.all([alerts.incident(alert.incident), mutesNow(context)]);
      return alertDetail(alert, members.filter(({ id }) => id !== alert.id), mutes);
    },
    alertRoute: (request) => routeOf(context, request),
    async silences({ limit, ...filter }) {
      const [found, now] = await Promise.all([alerts.silences(filter, { limit: limit ?? DEFAULT_LIMIT }), ledger.now()]);
      return found.map((silence) => silenceView(silence, now));
    },
  };
}

export function alertChanges(context: Context): AlertChanges {
  const { alerts, ledger } = context;
  return {
    async acknowledgeAlert(idOrPrefix, actor) {
      const { id } = await known(context, idOrPrefix);
      const outcome = await alerts.acknowledge(id, actor);
      if (outcome === 'ended') throw new KeyturnError('ALERT_ENDED', `Alert ${id} is over, so nobody needs to look after it.`, { effect: 'none', todo: `See how it went: \`keyturn alerts show ${id}\`.` });
      return { alert: alertView(await known(context, id), await mutesNow(context)), already: outcome === 'already' };
    },
    async silence({ matchers, forMs }, actor) {
      if (matchers.length === 0) throw new KeyturnError('USAGE', 'A silence wants at least one matcher.', { effect: 'none', todo: 'For example credential=prod-api.' });
      if (forMs > LONGEST_SILENCE_MS) throw new KeyturnError('USAGE', 'A silence lasts a year at most.', { effect: 'none', todo: 'Rather switch the rule off in the configuration.' });
      const silence = await alerts.addSilence(matchers.map(parseMatcher), forMs, actor);
      const open = await alerts.list({ open: true }, { limit: MOST });
      return { ...silenceView(silence, await ledger.now()), mutes: open.filter(({ finding }) => matches(finding, silence.matchers)).length };
    },
    async endSilence(idOrPrefix, actor) {
      const done = await alerts.endSilence(idOrPrefix, actor);
      if (done === null) throw new KeyturnError('UNKNOWN_NAME', `There is no silence ${idOrPrefix}.`, { effect: 'none', todo: 'See `keyturn silences`.' });
      return { ...silenceView(done.silence, await ledger.now()), ended: done.ended };
    },
  };
}

async function known({ alerts }: Context, idOrPrefix: string): Promise<Alert> {
  const alert = await alerts.alert(idOrPrefix);
  if (alert === null) throw new KeyturnError('UNKNOWN_NAME', `There is no alert ${idOrPrefix}.`, { effect: 'none', todo: 'See `keyturn alerts`.' });
  return alert;
}

/** Why people are not told of alerts now. */
export async function mutesNow({ alerts, ledger, config }: Pick<Context, 'alerts' | 'ledger' | 'config'>): Promise<Mutes> {
  const [silences, now, ...explaining] = await Promise.all([
    alerts.silences({ active: true }, { limit: MOST }), ledger.now(), ...INHIBITIONS.map(({ by }) => alerts.list({ open: true, rule: by }, { limit: MOST })),
  ]);
  return { ...mutesAt(silences, alertSettings(config()).maintenance, now), inhibitors: explaining.flat() };
}

async function routeOf(context: Context, request: AlertRouteRequest): Promise<AlertRoute> {
  const rule = request.rule === undefined ? null : knownRule(request.rule);
  const record: CredentialRecord | null = request.credential === undefined ? null : await declared(context, request.credential);
  const severity = request.severity ?? (rule === null ? 'warning' : FINDING_RULES[rule].severity);
  const owner = request.owner ?? record?.owner ?? null;
  const credential = record?.name ?? null;
  const labels = record?.plan.labels ?? {};
  const { channels, by, lines } = explainRoute(context.config(), { credential, owner, labels, rule: rule ?? undefined, notify: record?.plan.notify }, severity);
  const mute = rule === null ? null : muteOf({ rule, subject: '', credential, issuer: record?.issuer ?? null, source: null, owner, severity, labels }, await mutesNow(context));
  return { rule, credential, owner, severity, channels, by, lines, muted: muteView(mute) };
}

function knownRule(name: string): RuleName {
  if (isRule(name)) return name;
  throw new KeyturnError('UNKNOWN_NAME', `There is no rule ${name}.`, { effect: 'none', todo: `Rules: ${RULE_NAMES.join(', ')}.` });
}
