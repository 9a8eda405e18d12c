// Follows one call: its rows, then its live events, until it is over and its record is there.
import { useCallback, useEffect, useReducer, useRef, useState } from "react";
import { api, Refused, type Detail, type LiveEvent } from "./api";
import { apply, begin, heardHere, refresh, type View } from "./view";

const LOOK_AGAIN_MS = 10_000; // rows tell what no event did, such as a process that died
const RECORD_MS = 700;
const AFTERMATH_MS = 30_000; // a recording and a better summary may come after the end
const RETRY_MS = 3_000;

type Change = { rows: Detail } | { event: LiveEvent } | { heard: number } | { clear: true };

function reduce(view: View | null, change: Change): View | null {
  if ("clear" in change) return null;
  if ("rows" in change) return view === null ? begin(change.rows) : refresh(view, change.rows);
  if (view === null) return null;
  return "event" in change ? apply(view, change.event) : heardHere(view, change.heard);
}

export interface Followed {
  view: View | null;
  detail: Detail | null;
  problem: Refused | null;
  /** Live events come in; false while the connection is being made again. */
  live: boolean;
  heard: (ms: number) => void;
  look: () => void;
}

export function useCall(id: string): Followed {
  const [view, change] = useReducer(reduce, null);
  const [detail, setDetail] = useState<Detail | null>(null);
  const [problem, setProblem] = useState<Refused | null>(null);
  const [live, setLive] = useState(false);
  const [since, setSince] = useState<string | null>(null);
  const ended = view !== null && view.call.ended_at !== null;

  const look = useCallback(() => {
    api.detail(id).then(
      (rows) => {
        setDetail(rows);
        setProblem(null);
        change({ rows });
        setSince((known) => known ?? rows.since);
      },
      (refused: Refused) => setProblem(refused),
    );
  }, [id]);

  useEffect(() => {
    change({ clear: true });
    setDetail(null);
    setSince(null);
    look();
  }, [look]);

  const done = useRef(false);
  done.current = ended;
  useEffect(() => {
    if (since === null || done.current) return;
    return follow(id, since, (event) => change({ event }), setLive, () => done.current);
  }, [id, since]);

  const complete = ended && detail !== null && detail.call.ended_at !== null;
  useEffect(() => {
    if (since === null && problem === null) return;
    if (!complete) {
      const timer = setInterval(look, ended ? RECORD_MS : LOOK_AGAIN_MS);
      return () => clearInterval(timer);
    }
    const over = (detail?.call.ended_at ?? 0) * 1000;
    if (Date.now() - over > AFTERMATH_MS) return;
    const timers = [2_000, 6_000, 15_000].map((ms) => setTimeout(look, ms));
    return () => timers.forEach(clearTimeout);
  }, [since, complete, ended, look]); // eslint-disable-line -- detail only matters when complete changes

  const heard = useCallback((ms: number) => change({ heard: ms }), []);
  return { view, detail, problem, live: live && !ended, heard, look };
}

/** Reads live events; a browser's EventSource goes on by itself, and is made again where it gave up. */
function follow(
  id: string, since: string, take: (event: LiveEvent) => void, tell: (live: boolean) => void, over: () => boolean,
): () => void {
  let last = since;
  let source: EventSource | null = null;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const open = () => {
    source = new EventSource(api.eventsOf(id, last));
    source.onopen = () => tell(true);
    source.onmessage = (message: MessageEvent<string>) => {
      const event = JSON.parse(message.data) as LiveEvent;
      last = event.id;
      take(event);
    };
    source.onerror = () => {
      tell(false);
      if (source?.readyState !== EventSource.CLOSED) return;
      if (!over()) timer = setTimeout(open, RETRY_MS);
    };
  };
  open();
  return () => {
    clearTimeout(timer);
    source?.close();
  };
}
