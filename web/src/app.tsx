// The page: who is there, where in it one is, and the call that this tab is in.
import { useCallback, useEffect, useState } from "react";
import { api, Refused, type Me, type Ticket } from "./api";
import { CallPage } from "./call";
import { List } from "./list";
import { Login } from "./login";
import { Notice } from "./notice";
import { Start } from "./start";

const SEAT = "leadline.call"; // of this tab: which call to come back into after a reload

export function App() {
  const [me, setMe] = useState<Me | null>(null);
  const [problem, setProblem] = useState<Refused | null>(null);
  const [ticket, setTicket] = useState<Ticket | null>(null);
  const [restoring, setRestoring] = useState(sessionStorage.getItem(SEAT) !== null);
  const place = usePlace();

  const enter = useCallback(() => {
    api.me().then((found) => { setMe(found); setProblem(null); }, setProblem);
  }, []);
  useEffect(enter, [enter]);

  const take = useCallback((given: Ticket) => {
    sessionStorage.setItem(SEAT, given.call_id);
    setTicket(given);
    location.hash = `#/calls/${given.call_id}`;
  }, []);
  const leave = useCallback((keepSeat: boolean) => {
    if (!keepSeat) sessionStorage.removeItem(SEAT);
    setTicket(null);
  }, []);

  const inside = me !== null && me.role !== null;
  useEffect(() => {
    const seat = sessionStorage.getItem(SEAT);
    if (!inside || seat === null) return;
    api.comeBack(seat)
      .then(take, (refused: Refused) => {
        leave(refused.status === 0 || refused.status === 503);
        location.hash = `#/calls/${seat}`;
        if (refused.status !== 409) setProblem(refused); // over meanwhile: its page says so
      })
      .finally(() => setRestoring(false));
  }, [inside, take, leave]);

  if (me === null) return <main>{problem ? <Failed problem={problem} again={enter} /> : <p>Loading…</p>}</main>;
  if (!inside) return <Login done={setMe} />;
  return (
    <>
      <Header me={me} place={place} inCall={ticket !== null} out={() => void api.logout().finally(() => location.reload())} />
      <main>
        {problem && <Failed problem={problem} again={() => setProblem(null)} />}
        {restoring ? <p role="status">Coming back into the call…</p> : <Body place={place} ticket={ticket} me={me} take={take} leave={leave} />}
      </main>
    </>
  );
}

function Body({ place, ticket, me, take, leave }: {
  place: string[]; ticket: Ticket | null; me: Me; take: (ticket: Ticket) => void; leave: (keepSeat: boolean) => void;
}) {
  const shown = place[0] === "calls" ? place[1] : undefined;
  // The call that this tab is in goes on while another page is looked at.
  const calls = [...new Set([ticket?.call_id, shown])].filter((id) => id !== undefined);
  return (
    <>
      {calls.map((id) => (
        <div key={id} hidden={id !== shown}>
          <CallPage id={id} ticket={ticket?.call_id === id ? ticket : null} leave={leave} />
        </div>
      ))}
      {shown === undefined && ticket && (
        <Notice kind="hint" what="You are in a call." fix={<a href={`#/calls/${ticket.call_id}`}>Back to it</a>} />
      )}
      {shown === undefined && place[0] === "calls" && me.role === "operator" && <List />}
      {shown === undefined && !ticket && place[0] !== "calls" && <Start take={take} />}
    </>
  );
}

function Header({ me, place, inCall, out }: { me: Me; place: string[]; inCall: boolean; out: () => void }) {
  const current = (yes: boolean) => (yes ? "page" : undefined);
  return (
    <header>
      <a className="name" href="#/">Leadline</a>
      <nav aria-label="Pages">
        <a href="#/" aria-current={current(place.length === 0)}>{inCall ? "In a call" : "Talk"}</a>
        {me.role === "operator" && <a href="#/calls" aria-current={current(place[0] === "calls" && !place[1])}>Calls</a>}
      </nav>
      {me.login && <button type="button" className="quiet" onClick={out}>Log out {me.name}</button>}
    </header>
  );
}

function Failed({ problem, again }: { problem: Refused; again: () => void }) {
  return <Notice what={problem.message} fix={problem.fix}><button type="button" onClick={again}>Try again</button></Notice>;
}

/** The part of the address behind `#/`, as a list. */
function usePlace(): string[] {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const moved = () => setHash(location.hash);
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  return hash.replace(/^#\/?/, "").split("/").filter(Boolean);
}
