import { describe, expect, it } from 'vitest';
import { CurrentKeys } from '../../src/client/current-keys.ts';
import { HiddenKey } from '../../src/client/hidden-key.ts';

function keysAt(primary: string, backup: string | null): { keys: CurrentKeys; clock: { now: number }; first: (replayable?: boolean) => string | undefined } {
  const clock = { now: 0 };
  const keys = new CurrentKeys(1000, () => clock.now);
  keys.replace({ primary: new HiddenKey(primary), backup: backup === null ? null : new HiddenKey(backup) });
  return { keys, clock, first: (replayable = true) => keys.first(replayable)?.key.reveal() };
}

describe('which key a call begins with', () => {
  it('is none before there is one', () => {
    expect(new CurrentKeys(1000, () => 0).first(true)).toBeNull();
  });

  it('is the primary, and the backup once the primary was refused', () => {
    const { keys, first } = keysAt('new', 'old');
    expect(first()).toBe('new');
    keys.refused(new HiddenKey('new'));
    expect([first(), keys.onBackup]).toEqual(['old', true]);
  });

  it('is the one refused longest ago when all were', () => {
    const { keys, first } = keysAt('new', 'old');
    keys.refused(new HiddenKey('new'));
    keys.refused(new HiddenKey('old'));
    expect([first(), keys.onBackup]).toEqual(['new', false]);
    keys.refused(new HiddenKey('new'));
    expect(first()).toBe('old');
  });

  it('is the refused primary again for one call when its time came, and only for one that can be repeated', () => {
    const { keys, clock, first } = keysAt('new', 'old');
    keys.refused(new HiddenKey('new'));
    clock.now = 999;
    expect(first()).toBe('old');
    clock.now = 1000;
    expect([first(false), first(), first(), first()]).toEqual(['old', 'new', 'old', 'old']);
    clock.now = 2000;
    expect([first(), first()]).toEqual(['new', 'old']);
    keys.worked(new HiddenKey('new'));
    expect([first(), first()]).toEqual(['new', 'new']);
  });

  it('holds nothing against the keys of a new pair, but takes the late refusal of one that moved to the backup', () => {
    const { keys, first } = keysAt('one', null);
    keys.refused(new HiddenKey('one'));
    expect(keys.replace({ primary: new HiddenKey('two'), backup: new HiddenKey('one') })).toBe(true);
    expect([first(), keys.hasUnrefused(new HiddenKey('two'))]).toEqual(['two', true]);
    keys.refused(new HiddenKey('one'));
    expect([first(), keys.hasUnrefused(new HiddenKey('two'))]).toEqual(['two', false]);
  });

  it('stays what it is when the same pair comes again', () => {
    const { keys, first } = keysAt('new', 'old');
    keys.refused(new HiddenKey('new'));
    expect(keys.replace({ primary: new HiddenKey('new'), backup: new HiddenKey('old') })).toBe(false);
    expect([first(), keys.generation]).toEqual(['old', 1]);
    expect(keys.replace({ primary: new HiddenKey('new'), backup: null })).toBe(true);
    expect([first(), keys.generation]).toEqual(['new', 2]);
  });
});
