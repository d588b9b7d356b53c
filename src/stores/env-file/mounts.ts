/** Is a file a mount point of its own (a single-file bind mount)? Then it can be written, but not replaced. */
import { readFile } from 'node:fs/promises';

/** The mount points listed in the text of /proc/self/mountinfo. */
export function mountPoints(mountinfo: string): readonly string[] {
  const lines = mountinfo.split('\n').filter((line) => line !== '');
  return lines.map((line) => (line.split(' ')[4] ?? '').replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8))));
}

/** False also where there is no such list (then the rename itself tells). */
export async function isMountPoint(path: string): Promise<boolean> {
  const mountinfo = await readFile('/proc/self/mountinfo', 'latin1').catch(() => '');
  return mountPoints(mountinfo).includes(Buffer.from(path).toString('latin1'));
}
