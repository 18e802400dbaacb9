import type { BroadcastHealth, BroadcastSource, BroadcastWarning, Severity } from '../../api/types';

/** What the numbers of a broadcast mean.  Pure. */

export type Metric = 'picture' | 'fps' | 'video' | 'keyframes' | 'sound' | 'speed';

export type Advice =
  | 'adviceAudio'
  | 'adviceBitrateHigh'
  | 'adviceBitrateLow'
  | 'adviceFps'
  | 'adviceKeyframes'
  | 'adviceSpeed';

export interface Verdict {
  metric: Metric;
  severity: Severity;
  advice: Advice;
  kbps?: number;
}

/** What OBS' own wizard would choose, by height: kbit/s at 30 frames a second. */
const USUAL_KBPS: readonly (readonly [number, number])[] = [
  [1080, 4500],
  [720, 3000],
  [480, 1200],
  [0, 600],
];
const HIGH_KBPS = 12_000;

export function usualKbps(height: number, fps: number): number {
  const [, kbps] = USUAL_KBPS.find(([from]) => height >= from) ?? [0, 600];
  return fps > 40 ? kbps * 1.5 : kbps;
}

/** The metrics that aren't green, each with what to change. */
export function judge(source: BroadcastSource | null, speed: number | null): Verdict[] {
  const verdicts: Verdict[] = [];
  if (source !== null) {
    const { keyframe_seconds, fps, height, video_kbps, audio_codec } = source;
    if (keyframe_seconds !== null && keyframe_seconds > 2.5) {
      verdicts.push({
        metric: 'keyframes',
        severity: keyframe_seconds > 5 ? 'red' : 'amber',
        advice: 'adviceKeyframes',
      });
    }
    if (fps > 0 && fps < 20) verdicts.push({ metric: 'fps', severity: 'amber', advice: 'adviceFps' });
    // 0 and empty: not known, or not there
    const usual = usualKbps(height, fps);
    if (video_kbps !== null && video_kbps > HIGH_KBPS) {
      verdicts.push({ metric: 'video', severity: 'amber', advice: 'adviceBitrateHigh' });
    } else if (video_kbps !== null && video_kbps > 0 && video_kbps < usual * 0.35) {
      verdicts.push({ metric: 'video', severity: 'amber', advice: 'adviceBitrateLow', kbps: usual });
    }
    if (!audio_codec) verdicts.push({ metric: 'sound', severity: 'amber', advice: 'adviceAudio' });
  }
  if (speed !== null && speed > 0 && speed < 0.97) {
    verdicts.push({ metric: 'speed', severity: speed < 0.9 ? 'red' : 'amber', advice: 'adviceSpeed' });
  }
  return verdicts;
}

/** The server's words for severities, ours, and anything new as amber. */
export function severityOf(warning: BroadcastWarning): Severity {
  if (/^(red|error)$/i.test(warning.severity)) return 'red';
  if (/^(green|info)$/i.test(warning.severity)) return 'green';
  return 'amber';
}

/** The worst of the server's warnings and our own verdicts. */
export function overall(health: BroadcastHealth, verdicts: readonly Verdict[]): Severity {
  const all = [...health.warnings.map(severityOf), ...verdicts.map((verdict) => verdict.severity)];
  if (all.includes('red')) return 'red';
  return all.includes('amber') ? 'amber' : 'green';
}

/** The server's warnings that our own verdicts say already, with what to change. */
const SAID_BY: Readonly<Record<string, Metric>> = {
  keyframes_far_apart: 'keyframes',
  no_audio: 'sound',
  transcoder_slow: 'speed',
};

export function unsaid(warnings: readonly BroadcastWarning[], verdicts: readonly Verdict[]): BroadcastWarning[] {
  return warnings.filter(({ code }) => !verdicts.some((verdict) => verdict.metric === SAID_BY[code]));
}
