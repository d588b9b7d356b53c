/** The pages behind the link by which people decide on a response: no script, nothing loaded, every text escaped. Pure. */
import { askNotice, consequence, revokeCommand, within, type NamedKey } from '../alerts/response-notices.ts';
import { box, escapeHtml, factsTable, footHtml, headRow, pageHtml, paragraph } from '../alerts/templates/page.ts';
import { bounded, cleaned, lookOf, type Look } from '../alerts/templates/parts.ts';
import type { Response } from '../ports/response-ledger.ts';

const WIDTH = 600;
/** Of what people say their name is, characters. */
export const LONGEST_NAME = 80;

const row = (html: string): string => `<tr><td class="kt-pad" align="left" style="padding:10px 32px 6px;">\n${html}\n</td></tr>`;

/** What would happen, and the form that says yes or no. `missing`: it was sent without a name. */
export function decisionPage(response: Response, key: NamedKey, expiresAt: Date, missing: boolean): string {
  const { ask: _ask, todo: _todo, ...notice } = bounded(cleaned(askNotice(response, key, expiresAt)));
  const until = `${expiresAt.toISOString().slice(0, 16).replace('T', ' ')} UTC`;
  const happens = ['Opening this page has changed nothing.', `If you approve, ${within(consequence(key))} It cannot be taken back.`, `If you decline, nothing is revoked, and nobody is asked again about this incident.`, `If nobody decides until ${until}, nothing is revoked.`];
  return pageHtml({
    title: notice.title, preview: notice.happened, width: WIDTH,
    rows: [
      headRow(lookOf({ ...notice, todo: [] }), `${response.credential}: revoke this key?`),
      row(paragraph(notice.happened, 'kt-text', '#1b2126')),
      row(box('What would happen', happens)),
      row(factsTable([...Object.entries({ Credential: response.credential, Issuer: response.issuer, ...notice.facts }), ['Can be decided until', until]])),
      row(form(missing)),
      footHtml('Keyturn &middot; Whoever has this link may decide once. Do not pass it on.'),
    ],
  });
}

const BUTTON = 'display:inline-block;margin:0 8px 8px 0;padding:11px 20px;border-radius:6px;font-size:15px;line-height:20px;font-weight:600;font-family:inherit;cursor:pointer;';

/** Posts to its own address, wherever a proxy has put that. */
function form(missing: boolean): string {
  const hint = missing ? paragraph('Say who you are: it is recorded with the decision. Nothing was decided yet.', 'kt-text', '#b3261e') : '';
  return `<form method="post" action="" accept-charset="utf-8" autocomplete="off" style="margin:6px 0 0;">
${hint}<label class="kt-text" style="display:block;margin:0 0 4px;font-size:14px;line-height:20px;font-weight:600;color:#1b2126;" for="name">Your name, for the audit log</label>
<input class="kt-text kt-todo" id="name" name="name" required maxlength="${LONGEST_NAME}" style="box-sizing:border-box;width:100%;max-width:340px;margin:0 0 14px;padding:10px 12px;border:1px solid #aab4bc;border-radius:6px;font-size:16px;line-height:20px;font-family:inherit;background:#ffffff;color:#1b2126;"><br>
<button type="submit" name="decision" value="approve" style="${BUTTON}border:1px solid #b3261e;background:#b3261e;color:#ffffff;">Approve: revoke this key</button>
<button class="kt-text kt-todo" type="submit" name="decision" value="decline" style="${BUTTON}border:1px solid #aab4bc;background:#ffffff;color:#1b2126;">Decline: leave it alive</button>
</form>`;
}

const LOOKS = {
  good: { word: 'Done', colour: '#1a7f4b' },
  calm: { word: 'Nothing was changed', colour: '#5b6670' },
  bad: { word: 'Not possible', colour: '#9a6200' },
} as const satisfies Readonly<Record<string, Pick<Look, 'word' | 'colour'>>>;

export interface Told {
  readonly look: keyof typeof LOOKS;
  readonly title: string;
  readonly happened: string;
  readonly means: string;
  readonly todo?: readonly string[];
}

/** A page that only tells. */
export function toldPage({ look, title, happened, means, todo = [] }: Told): string {
  return pageHtml({
    title, preview: happened, width: WIDTH,
    rows: [headRow(LOOKS[look], title), row(`${paragraph(happened, 'kt-text', '#1b2126')}\n${paragraph(means, 'kt-soft', '#56616b')}`), ...(todo.length === 0 ? [] : [row(box('What to do', todo))]), footHtml(escapeHtml('Keyturn'))],
  });
}

/** To be done by hand, where a link does not do it. */
export function byHand(response: Response, key: NamedKey | null): readonly string[] {
  const command = key === null ? `keyturn revoke ${response.credential} --reason "…"` : revokeCommand(key);
  return [`If the key must die: \`${command}\` at a terminal of Keyturn.`];
}
