import { recallLoudness, rememberLoudness } from './volume';

/** The loudness of one video element, remembered as the viewer left it. */
export class Sound {
  constructor(
    private readonly video: HTMLVideoElement,
    signal: AbortSignal,
    private readonly onChange: () => void,
    /** Muted by the browser's policy or by the page, not by the viewer. */
    public isSilenced: boolean,
  ) {
    const loudness = recallLoudness();
    video.volume = loudness.volume;
    video.muted = loudness.muted || isSilenced;
    video.addEventListener('volumechange', () => this.onVolume(), { signal });
  }

  toggle(): void {
    if (this.video.muted) this.unmute();
    else this.video.muted = true;
  }

  change(by: number): void {
    const { video } = this;
    video.volume = Math.min(1, Math.max(0, (video.muted ? 0 : video.volume) + by));
    video.muted = video.volume === 0;
  }

  unmute(): void {
    this.video.muted = false;
    if (this.video.volume === 0) this.video.volume = 0.5;
    this.become(false);
  }

  /** Play, without sound where the browser wants a click for that; false: it wants one even so. */
  async play(): Promise<boolean> {
    try {
      await this.video.play();
      return true;
    } catch (error) {
      if (!(error instanceof DOMException) || error.name !== 'NotAllowedError') return true;
      return !this.video.muted && this.playSilently();
    }
  }

  private playSilently(): Promise<boolean> {
    this.video.muted = true;
    this.become(true);
    return this.video.play().then(
      () => true,
      () => false,
    );
  }

  private onVolume(): void {
    const { muted, volume } = this.video;
    if (!muted && this.isSilenced) this.become(false);
    // what the browser's policy muted is not the viewer's wish
    if (!this.isSilenced) rememberLoudness({ volume, muted });
  }

  private become(isSilenced: boolean): void {
    this.isSilenced = isSilenced;
    this.onChange();
  }
}
