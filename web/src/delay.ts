// Measures, in this browser, how long after the caller's last sound the bot's first sound is heard.
import { useEffect, useRef } from "react";

const EVERY_MS = 10;
const LOUD = 0.008; // root mean square of full scale, about -42 dB
const PAUSE_MS = 250; // the bot is silent before a reply for at least so long
const LONGEST_MS = 10_000;

/** Pure: takes what both sides sound like at a moment, and tells a delay when there is one. Times in ms. */
export class Delay {
  private mine = 0;
  private theirs = 0;

  take(now: number, mine: number, theirs: number): number | null {
    const pause = now - this.theirs;
    if (mine > LOUD) this.mine = now;
    if (theirs <= LOUD) return null;
    this.theirs = now;
    if (this.mine === 0 || pause < PAUSE_MS) return null;
    const delay = now - this.mine;
    this.mine = 0;
    return delay > 5 * EVERY_MS && delay < LONGEST_MS ? Math.round(delay) : null; // shorter: both at once
  }
}

export function useHeardDelay(
  mine: MediaStreamTrack | undefined, theirs: MediaStreamTrack | undefined, heard: (ms: number) => void,
): void {
  const delay = useRef(new Delay()); // outlives a mute: the reply comes after it
  useEffect(() => {
    if (!theirs) return;
    const context = new AudioContext();
    const ours = mine ? meter(context, mine) : () => 0;
    const bots = meter(context, theirs);
    const timer = setInterval(() => {
      const ms = delay.current.take(performance.now(), ours(), bots());
      if (ms !== null) heard(ms);
    }, EVERY_MS);
    return () => {
      clearInterval(timer);
      void context.close();
    };
  }, [mine, theirs, heard]);
}

function meter(context: AudioContext, track: MediaStreamTrack): () => number {
  const analyser = context.createAnalyser();
  analyser.fftSize = 512;
  context.createMediaStreamSource(new MediaStream([track])).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  return () => {
    analyser.getFloatTimeDomainData(samples);
    return Math.sqrt(samples.reduce((sum, one) => sum + one * one, 0) / samples.length);
  };
}
