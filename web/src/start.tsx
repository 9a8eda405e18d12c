// Before a call: which flow, who is calling, what is known of them.
import { useEffect, useState, type FormEvent } from "react";
import { api, Refused, type Flow, type Ticket } from "./api";
import { plain } from "./format";
import { Notice } from "./notice";

const FIELDS = ["first_name", "company", "email"];

export function Start({ take }: { take: (ticket: Ticket) => void }) {
  const [flows, setFlows] = useState<Flow[] | null>(null);
  const [chosen, setChosen] = useState("");
  const [problem, setProblem] = useState<Refused | null>(null);
  const [busy, setBusy] = useState(false);

  useEffect(() => {
    api.flows().then((found) => {
      setFlows(found);
      setChosen((known) => known || (found.find((flow) => !flow.error)?.name ?? ""));
    }, setProblem);
  }, []);

  const flow = flows?.find((one) => one.name === chosen);
  const begin = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const entry = new FormData(event.currentTarget);
    const lead = Object.fromEntries(known(flow).map((name) => [name, String(entry.get(`lead.${name}`) ?? "")]));
    setBusy(true);
    setProblem(null);
    api.begin({ flow: chosen, caller: String(entry.get("caller") ?? "").trim(), lead }).then(take, (refused: Refused) => {
      setProblem(refused);
      setBusy(false);
    });
  };
  return (
    <section className="narrow" aria-labelledby="talk">
      <h1 id="talk">Talk to the bot</h1>
      <p>It answers as on the telephone. Speak, or use the keypad. You see what it hears, knows and decides.</p>
      {!window.isSecureContext && (
        <Notice what="This page cannot use the microphone." fix="Browsers allow it only on https or 127.0.0.1; the keypad works." />
      )}
      {problem && <Notice what={problem.message} fix={fixOf(problem)} />}
      <form onSubmit={begin}>
        <label>Flow
          <select name="flow" value={chosen} onChange={(event) => setChosen(event.target.value)}>
            {flows?.map((one) => <option key={one.name} value={one.name}>{one.name}{one.error ? " (has a mistake)" : ""}</option>)}
          </select>
        </label>
        {flow?.error && <Notice what="This flow cannot be used." fix={flow.error} />}
        {flow && !flow.error && (
          <p className="hint">Asks for {flow.slots.map((slot) => slot.label).join(", ")}. Qualified from {flow.qualified_at} points.</p>
        )}
        <label>Caller's number <span className="hint">optional, such as +12025550142</span>
          <input name="caller" type="tel" maxLength={40} autoComplete="off" />
        </label>
        <details>
          <summary>Known lead</summary>
          {known(flow).map((name) => (
            <label key={name}>{plain(name)} <input name={`lead.${name}`} maxLength={200} autoComplete="off" /></label>
          ))}
        </details>
        <button type="submit" className="primary" disabled={busy || !flow || Boolean(flow.error)}>
          {busy ? "Starting…" : "Start the call"}
        </button>
      </form>
    </section>
  );
}

function known(flow: Flow | undefined): string[] {
  return [...new Set([...FIELDS, ...(flow?.lead ?? [])])];
}

function fixOf(problem: Refused): string {
  if (problem.status === 503) return problem.fix || "Is livekit-server running? `leadline status` tells, `leadline up --web` starts it.";
  return problem.fix;
}
