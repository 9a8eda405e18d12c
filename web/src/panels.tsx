// What the bot knows and wants: the open question, the answers with their words, the score with its rules.
import type { Answer, Flow } from "./api";
import { plain } from "./format";
import type { Score, View } from "./view";

const STAGES: Record<string, string> = {
  new: "Greeting", ask: "Asking", confirm: "Confirming", transfer: "Transferring", human: "A person has taken over",
  closing: "Saying goodbye", over: "Over",
};

export function NowAsking({ view }: { view: View }) {
  const { question } = view;
  return (
    <section className="panel" aria-labelledby="now">
      <h2 id="now">Now</h2>
      {question === null ? <p className="hint">Waiting for the bot.</p> : (
        <p role="status">
          {STAGES[question.stage] ?? plain(question.stage)}{question.label && <>: <strong>{question.label}</strong></>}
          {question.asked > 1 && `, asked ${question.asked} times`}
          {question.misses > 0 && `, not understood ${question.misses} of ${question.tries}`}
          {question.keypad !== "none" && <span className="hint"> Keys {question.keypad === "menu" ? "choose" : "type it in"}.</span>}
        </p>
      )}
    </section>
  );
}

export function Answers({ view, flow }: { view: View; flow: Flow | null }) {
  const names = flow?.slots.map((slot) => slot.name) ?? [];
  const rest = Object.keys(view.answers).filter((name) => !names.includes(name));
  const label = (name: string) => flow?.slots.find((slot) => slot.name === name)?.label ?? plain(name);
  return (
    <section className="panel" aria-labelledby="known">
      <h2 id="known">Known</h2>
      <dl className="answers">
        {[...names, ...rest].map((name) => (
          <Known key={name} label={label(name)} answer={view.answers[name]}
            open={view.question?.slot === name} skipped={view.question?.skipped.includes(name) ?? false} />
        ))}
      </dl>
    </section>
  );
}

function Known({ label, answer, open, skipped }: { label: string; answer?: Answer; open: boolean; skipped: boolean }) {
  return (
    <div className={answer ? "filled" : open ? "open" : ""}>
      <dt>{label}</dt>
      <dd>
        {answer ? <strong>{answer.shown}</strong> : <span className="hint">{open ? "being asked" : skipped ? "left open" : "–"}</span>}
        {answer?.raw && <q>{answer.raw}</q>}
        {answer && <span className="hint">{how(answer)}</span>}
      </dd>
    </div>
  );
}

function how(answer: Answer): string {
  const by = { speech: "said", keypad: "typed", prefill: "known before", lookup: "looked up" }[answer.mode] ?? answer.mode;
  const sure = answer.confirmed === "no" ? "" : `, confirmed${answer.confirmed === "implicit" ? " in passing" : ""}`;
  return `${by}${sure}${answer.certainty < 1 ? `, certainty ${Math.round(answer.certainty * 100)} %` : ""}`;
}

export function ScoreCard({ score }: { score: Score }) {
  return (
    <section className="panel" aria-labelledby="score">
      <h2 id="score">Score</h2>
      <p><strong className="big">{score.total}</strong> of {score.qualified_at} needed</p>
      <meter min={0} max={Math.max(score.qualified_at, score.total, 1)} value={score.total} aria-label="Score">{score.total}</meter>
      {score.points.length > 0 && (
        <ul className="rules">{score.points.map((one) => <li key={one.rule}><span>{one.rule}</span><b>+{one.points}</b></li>)}</ul>
      )}
    </section>
  );
}
