// Where the milliseconds of each reply went; what was not measured is not shown.
import type { Turn } from "./api";
import { median } from "./format";
import { replies, segments } from "./view";

export function Responses({ turns }: { turns: Turn[] }) {
  const all = replies(turns);
  if (all.length === 0) return null;
  const longest = Math.max(...all.map(({ turn }) => turn.response_ms ?? 0), 1);
  const spoken = all.filter(({ keys }) => !keys).map(({ turn }) => turn);
  const heard = spoken.flatMap((turn) => (turn.heard_ms === undefined ? [] : [turn.heard_ms]));
  const steps = [...new Map(all.flatMap(({ turn }) => segments(turn.timing)).map((one) => [one.step, one.what]))];
  return (
    <section className="panel" aria-labelledby="responses">
      <h2 id="responses">Response times</h2>
      {spoken.length > 0 && (
        <p>To speech: median {median(spoken.map((turn) => turn.response_ms!))} ms from the caller's last sound to the bot's first
          {heard.length > 0 && `; ${median(heard)} ms as heard in this browser`}.</p>
      )}
      <ol className="falls">
        {all.map(({ turn, keys }) => <Fall key={turn.n} turn={turn} keys={keys} longest={longest} />)}
      </ol>
      {steps.length > 0 && (
        <ul className="legend" aria-hidden="true">{steps.map(([step, what]) => <li key={step}><i className={step} />{what}</li>)}</ul>
      )}
    </section>
  );
}

function Fall({ turn, keys, longest }: { turn: Turn; keys: boolean; longest: number }) {
  const parts = segments(turn.timing);
  const told = parts.map((part) => `${part.what} ${part.ms} ms`).join(", ");
  return (
    <li>
      <span className="words">{keys && "(keys) "}{turn.text}</span>
      <span className="bar" role="img" aria-label={`${turn.response_ms} ms${told && `: ${told}`}`} title={told}>
        {parts.map((part) => <i key={part.step} className={part.step} style={{ width: `${(part.ms / longest) * 100}%` }} />)}
        {parts.length === 0 && <i className="whole" style={{ width: `${((turn.response_ms ?? 0) / longest) * 100}%` }} />}
      </span>
      <b className="figure">{turn.response_ms} ms</b>
    </li>
  );
}
