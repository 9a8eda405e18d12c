// The recording, and where in it one is.
import { useEffect, useRef } from "react";
import { api } from "./api";
import { clock } from "./format";

export function Player({ id, seconds, seek, tell }: {
  id: string; seconds: number; seek: number | null; tell: (at: number) => void;
}) {
  const audio = useRef<HTMLAudioElement>(null);
  useEffect(() => {
    if (seek === null || audio.current === null) return;
    audio.current.currentTime = Math.max(0, seek);
    void audio.current.play().catch(() => undefined);
  }, [seek]);
  return (
    <section className="panel" aria-labelledby="recording">
      <h2 id="recording">Recording <span className="hint">{clock(seconds)}</span></h2>
      <audio ref={audio} controls preload="metadata" src={api.recordingOf(id)} aria-label="Recording of the call"
        onTimeUpdate={(event) => tell(event.currentTarget.currentTime)} />
    </section>
  );
}
