// Both sides' words: final ones as turns, those not final yet below, in step with the recording when it plays.
import { useEffect, useRef } from "react";
import type { Turn } from "./api";
import { clock } from "./format";
import type { View } from "./view";

export function Transcript({ view, began, playing, seek }: {
  view: View; began: number; playing: number | null; seek: ((at: number) => void) | null;
}) {
  const end = useRef<HTMLDivElement>(null);
  const now = playing === null ? -1 : current(view.turns, playing);
  const count = view.turns.length;
  const live = useRef(view.call.ended_at === null); // a call read afterwards is read from its beginning
  useEffect(() => {
    if (live.current) end.current?.scrollIntoView?.({ block: "nearest" });
  }, [count, view.speaking, view.hearing]);
  return (
    <section className="panel transcript" aria-labelledby="said">
      <h2 id="said">Said</h2>
      <div className="turns" tabIndex={0} role="region" aria-label="Transcript">
        <div role="log" aria-live="polite" aria-label="What was said">
          <ol>
            {view.turns.map((turn) => (
              <Line key={turn.n} turn={turn} time={clock(turn.at - began)} current={turn.n === now} seek={seek} />
            ))}
          </ol>
        </div>
        {view.speaking && <p className="turn bot partial"><b>Bot</b> {view.speaking}</p>}
        {(view.sound || view.hearing) && <p className="turn caller partial"><b>Caller</b> {view.hearing || "…"}</p>}
        {count === 0 && !view.speaking && <p className="hint">Nothing was said yet.</p>}
        <div ref={end} />
      </div>
    </section>
  );
}

function Line({ turn, time, current, seek }: { turn: Turn; time: string; current: boolean; seek: ((at: number) => void) | null }) {
  return (
    <li className={`turn ${turn.who}`} aria-current={current || undefined}>
      <b>{turn.who === "bot" ? "Bot" : "Caller"}</b>{" "}
      {turn.mode === "keypad" ? <kbd aria-label={`keys ${turn.text}`}>{turn.text}</kbd> : turn.text || <i>(not understood)</i>}
      {turn.interrupted && <i> (interrupted)</i>}
      <span className="meta">
        {seek ? <button type="button" className="link" onClick={() => seek(turn.at)} aria-label={`Play from ${time}`}>{time}</button> : time}
        {turn.response_ms !== null && ` · answered after ${turn.response_ms} ms`}
        {turn.heard_ms !== undefined && `, heard here after ${turn.heard_ms} ms`}
      </span>
    </li>
  );
}

/** The turn that is being spoken at a moment of the recording (Unix seconds); -1 before the first. */
export function current(turns: Turn[], at: number): number {
  return turns.reduce((found, turn) => (turn.at <= at + 0.05 ? turn.n : found), -1);
}
