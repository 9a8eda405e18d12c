// Recent calls, by telephone and browser; a call that runs can be watched.
import { useEffect, useState } from "react";
import { api, Refused, type CallRow } from "./api";
import { clock, moment, plain } from "./format";
import { Notice } from "./notice";

const SETTLE_MS = 400;

export function List() {
  const [calls, setCalls] = useState<CallRow[] | null>(null);
  const [problem, setProblem] = useState<Refused | null>(null);

  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const look = () => api.calls().then((found) => { setCalls(found); setProblem(null); }, setProblem);
    const source = new EventSource("/api/events");
    source.onmessage = (message: MessageEvent<string>) => {
      if (!["begun", "answered", "ended"].includes((JSON.parse(message.data) as { kind: string }).kind)) return;
      clearTimeout(timer);
      timer = setTimeout(look, SETTLE_MS); // the row is written a moment after the event
    };
    source.onopen = () => void look();
    void look();
    return () => { clearTimeout(timer); source.close(); };
  }, []);

  return (
    <section aria-labelledby="recent">
      <h1 id="recent">Recent calls</h1>
      {problem && <Notice what={problem.message} fix={problem.fix} />}
      {calls?.length === 0 && <p>No calls yet. <a href="#/">Talk to the bot</a>, or phone it.</p>}
      {calls && calls.length > 0 && (
        <div className="wide" tabIndex={0} role="region" aria-labelledby="recent">
          <table>
            <thead><tr><th>Began</th><th>With</th><th>Flow</th><th>Lasted</th><th>Result</th><th className="figure">Score</th></tr></thead>
            <tbody>{calls.map((call) => <Row key={call.id} call={call} />)}</tbody>
          </table>
        </div>
      )}
    </section>
  );
}

function Row({ call }: { call: CallRow }) {
  const lasted = call.answered_at !== null && call.ended_at !== null ? clock(call.ended_at - call.answered_at) : "";
  return (
    <tr>
      <td><a href={`#/calls/${call.id}`}>{moment(call.created_at)}</a></td>
      <td>{withWhom(call)}</td>
      <td>{call.flow}</td>
      <td>{lasted}</td>
      <td>{call.disposition ? plain(call.disposition) : <span className="live">Live</span>}</td>
      <td className="figure">{call.score ?? ""}</td>
    </tr>
  );
}

export function withWhom(call: CallRow): string {
  if (call.direction === "outbound") return `To ${call.callee}`;
  if (call.direction === "web") return call.caller ? `Browser, ${call.caller}` : "Browser";
  return `From ${call.caller || "unknown"}`;
}
