import { describe, expect, it } from 'vitest';
import { wishWith } from './ladder';

describe('wishWith', () => {
  it('keeps what else was wished for', () => {
    const rungs = [{ height: 720, kbps: 2500 }];
    expect(wishWith({ rungs, copy: false }, { max_rungs: 2 })).toEqual({ rungs, copy: false, max_rungs: 2 });
    expect(wishWith({ rungs, copy: false }, { copy: undefined })).toEqual({ rungs });
  });

  it('is none when nothing is left of it', () => {
    expect(wishWith({ sound_only: true }, { sound_only: undefined })).toBeNull();
    expect(wishWith({}, { copy: false })).toEqual({ copy: false });
  });
});
