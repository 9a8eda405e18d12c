// One call, live or finished, by browser or telephone: the same view of what was said, known and decided.
import { useState } from "react";
import type { Detail, Ticket } from "./api";
import { clock, median, moment, plain } from "./format";
import { useCall } from "./live";
import { withWhom } from "./list";
import { Notice } from "./notice";
import { Answers, NowAsking, ScoreCard } from "./panels";
import { Player } from "./player";
import { CallRoom, type Left } from "./room";
import { Transcript } from "./transcript";
import { replies, type View } from "./view";
import { Responses } from "./waterfall";

const LEFT: Partial<Record<Left, [string, string]>> = {
  elsewhere: ["This call goes on in another tab.", "Close this one, or hang up there."],
  lost: ["The connection to the call was lost.", "The bot waits for 20 s: come back now, or start another call."],
  unreachable: ["livekit-server cannot be reached.", "`leadline status` tells whether it runs; then start another call."],
};

export function CallPage({ id, ticket, leave }: { id: string; ticket: Ticket | null; leave: (keepSeat: boolean) => void }) {
  const { view, detail, problem, live, heard, look } = useCall(id);
  const [playing, setPlaying] = useState<number | null>(null);
  const [seek, setSeek] = useState<{ at: number } | null>(null);
  const [how, setHow] = useState<Left | null>(null);
  const left = (told: Left) => { setHow(told); leave(told === "lost"); look(); };
  if (problem && view === null)
    return <Notice what={problem.message} fix={problem.status === 404 ? "It may belong to another browser." : problem.fix}>
      <a href="#/">Back to the start</a></Notice>;
  if (view === null || detail === null) return <p>Loading the call…</p>;
  const over = view.call.ended_at !== null;
  const parts = over ? detail.recordings : [];
  const began = view.call.answered_at ?? view.call.created_at;
  return (
    <article className="call" aria-label="Call">
      <Title view={view} live={live} mine={ticket !== null} />
      {ticket && <CallRoom ticket={ticket} over={over} keypad={view.question?.keypad ?? "none"} heard={heard} left={left} />}
      {how !== null && !over && LEFT[how] && (
        <Notice what={LEFT[how][0]} fix={LEFT[how][1]}>
          {how === "lost" && <button type="button" onClick={() => location.reload()}>Come back</button>}
        </Notice>
      )}
      {over && <Result view={view} detail={detail} />}
      {parts.length > 0 && <Player id={id} parts={parts} seek={seek} tell={setPlaying} />}
      <div className="columns">
        <Transcript view={view} began={began} playing={playing} seek={parts.length > 0 ? (at) => setSeek({ at }) : null} />
        <div className="side">
          {!over && <NowAsking view={view} />}
          <Answers view={view} flow={detail.flow} />
          {view.score && <ScoreCard score={view.score} />}
          <Responses turns={view.turns} />
        </div>
      </div>
    </article>
  );
}

function Title({ view, live, mine }: { view: View; live: boolean; mine: boolean }) {
  const { call } = view;
  const state = call.ended_at !== null ? "Finished" : call.answered_at === null ? "Waiting" : view.away ? "Reconnecting" : "Live";
  return (
    <div className="title">
      <h1>{mine ? "Your call" : withWhom(call)}</h1>
      <p>
        <span className={`badge ${state.toLowerCase()}`} role="status">{state}</span>{" "}
        {moment(call.created_at)} · {call.flow}
        {call.ended_at !== null && call.answered_at !== null && ` · ${clock(call.ended_at - call.answered_at)}`}
        {view.recording && " · recording"}
        {call.ended_at === null && !live && " · connecting to live events…"}
      </p>
    </div>
  );
}

function Result({ view, detail }: { view: View; detail: Detail }) {
  const record = detail.record as { next_action?: string; outcome?: string };
  const times = replies(view.turns).filter(({ keys }) => !keys).map(({ turn }) => turn.response_ms!);
  const failed = view.call.disposition === "failed";
  return (
    <section className="panel result" aria-labelledby="result">
      <h2 id="result">{plain(view.call.disposition ?? "over")}{view.call.score !== null && !failed && ` · ${view.call.score} ${view.call.score === 1 ? "point" : "points"}`}</h2>
      {failed && <Notice what={`The call broke off${record.outcome ? `: ${record.outcome}` : ""}.`} fix="`leadline logs worker` tells why. What was answered until then is kept." />}
      {view.summary && <p>{view.summary}</p>}
      <dl>
        {record.next_action && <><dt>Next</dt><dd>{record.next_action}</dd></>}
        {!failed && record.outcome && <><dt>Outcome</dt><dd>{record.outcome}</dd></>}
        {times.length > 0 && <><dt>Replies</dt><dd>{times.length} to speech, median {median(times)} ms, longest {Math.max(...times)} ms</dd></>}
      </dl>
      {Object.keys(detail.record).length > 0 && (
        <details><summary>Record</summary><pre tabIndex={0}>{JSON.stringify(detail.record, null, 2)}</pre></details>
      )}
      <p><a href="#/">Another call</a></p>
    </section>
  );
}
