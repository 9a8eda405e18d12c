// The recording, and where in it one is. It may have parts: recording stops when the law or the caller wants it.
import { useEffect, useRef, useState } from "react";
import { api, type Part } from "./api";
import { clock } from "./format";

export function Player({ id, parts, seek, tell }: {
  id: string; parts: Part[]; seek: { at: number } | null; tell: (at: number) => void;
}) {
  const audio = useRef<HTMLAudioElement>(null);
  const wanted = useRef<number | null>(null); // seconds in the part that is being loaded
  const [index, setIndex] = useState(0);
  const part = parts[Math.min(index, parts.length - 1)]!;

  const go = () => {
    if (audio.current === null || wanted.current === null) return;
    audio.current.currentTime = wanted.current;
    wanted.current = null;
    void audio.current.play().catch(() => undefined);
  };
  useEffect(() => {
    if (seek === null) return;
    const found = partAt(parts, seek.at);
    wanted.current = Math.max(0, seek.at - parts[found]!.began_at);
    if (found === index && (audio.current?.readyState ?? 0) > 0) go();
    else setIndex(found);
  }, [seek]); // eslint-disable-line -- only a new wish moves the player
  const next = () => {
    if (index + 1 >= parts.length) return;
    wanted.current = 0;
    setIndex(index + 1);
  };
  const seconds = parts.reduce((sum, one) => sum + (one.seconds ?? 0), 0);
  return (
    <section className="panel" aria-labelledby="recording">
      <h2 id="recording">Recording <span className="hint">{clock(seconds)}{parts.length > 1 && `, part ${index + 1} of ${parts.length}`}</span></h2>
      <audio ref={audio} controls preload="metadata" src={api.recordingOf(id, part.part)} aria-label="Recording of the call"
        onLoadedMetadata={go} onEnded={next} onTimeUpdate={(event) => tell(part.began_at + event.currentTarget.currentTime)} />
    </section>
  );
}

/** The part that sounds at a moment (Unix seconds), or the next one. */
export function partAt(parts: Part[], at: number): number {
  const found = parts.findIndex((part) => part.seconds === null || at < part.began_at + part.seconds);
  return found === -1 ? parts.length - 1 : found;
}
