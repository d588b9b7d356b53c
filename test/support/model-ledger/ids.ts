const DIGITS = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const TIME_LENGTH = 10;
const COUNT_LENGTH = 16;

/** Ids shaped as ULIDs: the time, then a count where a ULID is random. They sort by creation even when the clock goes back. */
export function idMaker(now: () => number): () => string {
  let latest = 0;
  let time = base32(0, TIME_LENGTH);
  let count = 0;
  return () => {
    const at = Math.floor(now());
    if (at > latest) [latest, time] = [at, base32(at, TIME_LENGTH)];
    return `${time}${base32((count += 1), COUNT_LENGTH)}`;
  };
}

function base32(value: number, length: number): string {
  let text = '';
  for (let rest = value; rest > 0; rest = Math.floor(rest / 32)) text = `${DIGITS[rest % 32]}${text}`;
  return text.padStart(length, '0');
}
