/** Every command, in the order that `--help` and docs/cli.md show them. */
import type { CommandSpec } from '../command.ts';
import { adopt } from './adopt.ts';
import { alerts } from './alerts.ts';
import { alertsAck } from './alerts-ack.ts';
import { alertsRoute } from './alerts-route.ts';
import { alertsShow } from './alerts-show.ts';
import { audit } from './audit.ts';
import { auditVerify } from './audit-verify.ts';
import { breakGlassImport } from './break-glass-import.ts';
import { deliveriesRetry } from './deliveries-retry.ts';
import { demo } from './demo.ts';
import { doctor } from './doctor.ts';
import { drill } from './drill.ts';
import { drills } from './drills.ts';
import { drillsShow } from './drills-show.ts';
import { incidents } from './incidents.ts';
import { incidentsShow } from './incidents-show.ts';
import { init } from './init.ts';
import { keys } from './keys.ts';
import { leaks } from './leaks.ts';
import { leaksIntake } from './leaks-intake.ts';
import { pause } from './pause.ts';
import { plan } from './plan.ts';
import { publish } from './publish.ts';
import { reload } from './reload.ts';
import { responses } from './responses.ts';
import { responsesApprove } from './responses-approve.ts';
import { responsesDecline } from './responses-decline.ts';
import { resume } from './resume.ts';
import { revoke } from './revoke.ts';
import { rotate } from './rotate.ts';
import { rotations } from './rotations.ts';
import { rotationsAbort } from './rotations-abort.ts';
import { rotationsResume } from './rotations-resume.ts';
import { rotationsShow } from './rotations-show.ts';
import { sandbox } from './sandbox.ts';
import { scan } from './scan.ts';
import { silence } from './silence.ts';
import { silences } from './silences.ts';
import { silencesEnd } from './silences-end.ts';
import { status } from './status.ts';
import { up } from './up.ts';
import { usage } from './usage.ts';
import { validate } from './validate.ts';

/** A command of two words stands after the one it belongs to. */
export const COMMANDS: readonly CommandSpec[] = [
  init, validate, up,
  status, plan, keys, usage, rotations, rotationsShow, alerts, alertsShow, alertsRoute, silences, incidents, incidentsShow, responses, drills, drillsShow, leaks, audit, auditVerify, doctor,
  rotate, revoke, drill, adopt, publish, pause, resume, rotationsResume, rotationsAbort, alertsAck, silence, silencesEnd, responsesApprove, responsesDecline, leaksIntake, deliveriesRetry, breakGlassImport, reload,
  scan, sandbox, demo,
];
