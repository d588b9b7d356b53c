/** A real mail server, Debian's Exim, in a directory of its own and without any privilege: it takes mail for example.com and keeps it in files. */
import { execFile, spawn } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { simpleParser, type ParsedMail } from 'mailparser';
import { describe, test } from 'vitest';
import { freePort, isExecutable, onPath, until } from '../support/processes.ts';

const run = promisify(execFile);
const DEBIAN = '/usr/sbin/exim4';
const USER = 'Debian-exim';

export interface MailServer {
  readonly port: number;
  /** Of the certificate, which is its own authority: for NODE_EXTRA_CA_CERTS. */
  readonly certificate: string;
  /** What it has delivered, in the order in which it was accepted. */
  mails(): Promise<readonly ParsedMail[]>;
  /** While true each recipient is answered with 451. */
  defer(really: boolean): void;
  stop(): Promise<void>;
}

/** True where the server can run; else a skipped test says why, or the file fails when REQUIRE_SERVICES=1. */
export function mailServerAtHand(): boolean {
  const missing = [exim() === null ? 'no Exim (apt-get install exim4-daemon-light)' : null, onPath('openssl') === null ? 'no openssl on the path' : null].filter((line) => line !== null);
  if (missing.length === 0) return true;
  const line = `a real mail server cannot run here: ${missing.join(', ')}`;
  if (process.env['REQUIRE_SERVICES'] === '1') throw new Error(`${line} (REQUIRE_SERVICES=1)`);
  describe.skip(line, () => test('skipped', () => undefined));
  return false;
}

function exim(): string | null {
  return isExecutable(DEBIAN) ? DEBIAN : (onPath('exim4') ?? onPath('exim'));
}

/** `tls: false`: it offers no STARTTLS. */
export async function startMailServer({ tls = true } = {}): Promise<MailServer> {
  const program = exim();
  if (program === null) throw new Error('no Exim');
  const directory = mkdtempSync(join(tmpdir(), 'keyturn-exim-'));
  const certificate = await selfSigned(directory);
  const port = await freePort();
  writeFileSync(join(directory, 'exim.conf'), configuration(directory, tls));
  for (const part of ['spool', 'mail', 'log']) mkdirSync(join(directory, part));
  const owner = process.getuid?.() === 0 ? await ownedBy(USER, directory) : {};
  const child = spawn(program, ['-C', join(directory, 'exim.conf'), '-bdf', '-q1m', '-oX', `127.0.0.1.${port}`], { stdio: 'ignore', cwd: directory, detached: true, ...owner });
  const gone = new Promise((resolve) => child.once('exit', resolve));
  const kill = (): void => endGroup(child.pid);
  process.once('exit', kill);
  const log = join(directory, 'log', 'mainlog');
  await until(() => existsSync(log) && readFileSync(log, 'utf8').includes('daemon started'), 20_000, 'the mail server');
  return {
    port, certificate,
    mails: () => kept(directory),
    defer: (really) => (really ? writeFileSync(join(directory, 'defer'), '') : rmSync(join(directory, 'defer'), { force: true })),
    async stop() {
      process.removeListener('exit', kill);
      kill();
      await gone;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The daemon and those of its children that still deliver: they would write into the directory after its end. */
function endGroup(pid: number | undefined): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}

async function selfSigned(directory: string): Promise<string> {
  const [key, certificate] = [join(directory, 'key.pem'), join(directory, 'certificate.pem')];
  await run('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', key, '-out', certificate]);
  return certificate;
}

/** Exim gives all privilege up when somebody brings a configuration, so it may as well never have it. */
async function ownedBy(user: string, directory: string): Promise<{ uid: number; gid: number }> {
  const [uid, gid] = await Promise.all(['-u', '-g'].map(async (which) => Number((await run('id', [which, user])).stdout)));
  if (uid === undefined || gid === undefined) throw new Error(`no user ${user}`);
  for (const path of [directory, ...readdirSync(directory).map((name) => join(directory, name))]) chownSync(path, uid, gid);
  return { uid, gid };
}

function configuration(directory: string, tls: boolean): string {
  return `
primary_hostname = mail.example.com
spool_directory = ${directory}/spool
log_file_path = ${directory}/log/%slog
pid_file_path = ${directory}/exim.pid
deliver_drop_privilege = true
keep_environment =
host_lookup =
rfc1413_hosts =
smtp_accept_max = 50
message_logs = false
tls_advertise_hosts = ${tls ? '*' : ''}
tls_certificate = ${directory}/certificate.pem
tls_privatekey = ${directory}/key.pem
acl_smtp_rcpt = recipient
begin acl
recipient:
  defer condition = \${if exists{${directory}/defer}}
        message = try again later
  accept domains = example.com
  deny message = relay not permitted
begin routers
everybody:
  driver = accept
  transport = files
begin transports
files:
  driver = appendfile
  directory = ${directory}/mail
  create_directory = true
  maildir_format = true
  batch_max = 100
  envelope_to_add = true
`;
}

/** Delivered by several processes at once; the log has the order in which they were accepted. */
async function kept(directory: string): Promise<readonly ParsedMail[]> {
  const folder = join(directory, 'mail', 'new');
  const names = existsSync(folder) ? readdirSync(folder) : [];
  // After the folder: whatever lies there is in the log by now.
  const accepted = [...readFileSync(join(directory, 'log', 'mainlog'), 'utf8').matchAll(/^\S+ \S+ (\S+) <= /gm)].map(([, id]) => id);
  const mails = await Promise.all(names.map((name) => simpleParser(readFileSync(join(folder, name)))));
  const placed = mails.map((mail) => ({ mail, place: accepted.indexOf(spoolId(mail)) }));
  const unknown = placed.find(({ place }) => place === -1);
  if (unknown !== undefined) throw new Error(`the log does not say when this mail was accepted: ${received(unknown.mail)}`);
  return placed.toSorted((a, b) => a.place - b.place).map(({ mail }) => mail);
}

/** The server's own id of the message; a semicolon follows it where nobody is named for whom it came. */
function spoolId(mail: ParsedMail): string | undefined {
  return /\bid ([\w-]+)/.exec(received(mail))?.[1];
}

/** Its first Received line: how this server got it. */
export function received(mail: ParsedMail): string {
  return mail.headerLines.find(({ key }) => key === 'received')?.line ?? '';
}
