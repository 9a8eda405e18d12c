// What is known of a call at one moment: rows from the database first, then live events, one by one. Pure.
import type { Answer, CallRow, Detail, Field, LiveEvent, Points, Timing, Turn } from "./api";

export interface Score { total: number; qualified_at: number; points: Points[] }
export interface Question {
  stage: string; slot: string; label: string; keypad: string; asked: number; misses: number; tries: number; skipped: string[];
}
export interface View {
  call: CallRow;
  turns: Turn[];
  /** Words not final yet: the prompt being spoken, the best guess at what the caller is saying. */
  speaking: string;
  hearing: string;
  /** The caller is making sound. */
  sound: boolean;
  away: boolean;
  recording: boolean;
  answers: Record<string, Answer>;
  score: Score | null;
  question: Question | null;
  summary: string;
  /** Time from the caller's last sound to the bot's first, as this browser heard it; waits for its turn. */
  heard_ms: number | null;
}

export function begin(detail: Detail): View {
  const record = detail.record as { score?: Score; summary?: string };
  return {
    call: detail.call,
    turns: detail.turns,
    speaking: "", hearing: "", sound: false, away: false, recording: false,
    answers: Object.fromEntries(detail.answers.map((answer) => [answer.slot, answer])),
    score: record.score ?? null,
    question: null,
    summary: record.summary ?? "",
    heard_ms: null,
  };
}

/** Rows read again: they hold what is final, and leave what only events tell. */
export function refresh(view: View, detail: Detail): View {
  const rows = begin(detail);
  const heard = new Map(view.turns.map((turn) => [turn.n, turn.heard_ms]));
  const kept = view.turns.filter((turn) => !rows.turns.some((row) => row.n === turn.n));
  const turns = [...rows.turns.map((row) => ({ ...row, heard_ms: heard.get(row.n) })), ...kept].sort((a, b) => a.n - b.n);
  return {
    ...view, ...rows, turns,
    score: rows.score ?? view.score,
    question: rows.call.ended_at === null ? view.question : null,
    speaking: rows.call.ended_at === null ? view.speaking : "",
    hearing: rows.call.ended_at === null ? view.hearing : "",
    away: view.away && rows.call.ended_at === null,
    recording: view.recording && rows.call.ended_at === null,
    sound: view.sound && rows.call.ended_at === null,
    answers: { ...rows.answers, ...view.answers },
    heard_ms: view.heard_ms,
  };
}

export function heardHere(view: View, ms: number): View {
  return { ...view, heard_ms: ms };
}

export function apply(view: View, event: LiveEvent): View {
  const f = event.fields;
  switch (event.kind) {
    case "answered":
      return { ...view, call: { ...view.call, answered_at: number(f.at) } };
    case "speaking":
      return { ...view, speaking: text(f["pii.text"]) };
    case "said": {
      const answered = f.response_ms !== null && f.response_ms !== undefined;
      const turn = said(f, answered && view.heard_ms !== null ? view.heard_ms : undefined);
      return { ...put(view, turn), speaking: "", heard_ms: answered ? null : view.heard_ms };
    }
    case "sound":
      return { ...view, sound: true };
    case "hearing":
      return { ...view, hearing: text(f["pii.text"]) };
    case "heard":
      return { ...put(view, turn(f, "caller", text(f["pii.text"]), number(f.began_at ?? f.at))), hearing: "", sound: false };
    case "pressed":
      return put(view, { ...turn(f, "caller", text(f["pii.digits"]), number(f.at)), mode: "keypad" });
    case "answer":
      return { ...view, answers: { ...view.answers, [text(f.slot)]: answer(f) } };
    case "unanswered": {
      const { [text(f.slot)]: _, ...rest } = view.answers;
      return { ...view, answers: rest };
    }
    case "score":
      return { ...view, score: { total: number(f.total), qualified_at: number(f.qualified_at), points: list(f.points) } };
    case "question":
      return { ...view, question: question(f) };
    case "recording":
      return { ...view, recording: f.on === true };
    case "away":
      return { ...view, away: true };
    case "back":
      return { ...view, away: false };
    case "ended": {
      const call = { ...view.call, ended_at: number(f.at), disposition: text(f.disposition), score: number(f.score) };
      return { ...view, call, question: null, speaking: "", hearing: "", sound: false, away: false, recording: false };
    }
    case "retold":
      return { ...view, summary: text(f["pii.summary"]) };
    default:
      return view;
  }
}

function said(f: Record<string, Field>, heard_ms: number | undefined): Turn {
  const timing = typeof f.timing === "string" ? (JSON.parse(f.timing) as Timing) : {};
  const response_ms = typeof f.response_ms === "number" ? f.response_ms : null;
  const row = turn(f, "bot", text(f["pii.text"]), number(f.at));
  return { ...row, response_ms, timing, interrupted: f.finished === false, heard_ms };
}

function turn(f: Record<string, Field>, who: Turn["who"], words: string, at: number): Turn {
  const slot = text(f.slot) || null;
  return { n: number(f.n), who, text: words, at, mode: "speech", slot, response_ms: null, interrupted: false, timing: {} };
}

function put(view: View, turn: Turn): View {
  const others = view.turns.filter((known) => known.n !== turn.n);
  return { ...view, turns: [...others, turn].sort((a, b) => a.n - b.n) };
}

function answer(f: Record<string, Field>): Answer {
  return {
    slot: text(f.slot), shown: text(f["pii.value"]), raw: text(f["pii.raw"]), mode: text(f.mode),
    confirmed: text(f.confirmed), tries: number(f.tries), certainty: number(f.certainty),
  };
}

function question(f: Record<string, Field>): Question {
  return {
    stage: text(f.stage), slot: text(f.slot), label: text(f.label), keypad: text(f.keypad), asked: number(f.asked),
    misses: number(f.misses), tries: number(f.tries), skipped: text(f.skipped).split(",").filter(Boolean),
  };
}

function list(value: Field | undefined): Points[] {
  return typeof value === "string" ? (JSON.parse(value) as Points[]) : [];
}

function text(value: Field | undefined): string {
  return typeof value === "string" ? value : "";
}

function number(value: Field | undefined): number {
  return typeof value === "number" ? value : 0;
}

export interface Reply { turn: Turn; keys: boolean }

/** The bot's replies whose time was measured; `keys`: to an entry on the keypad, where nothing had to be recognised. */
export function replies(turns: Turn[]): Reply[] {
  return turns.flatMap((turn, i) => {
    if (turn.response_ms === null) return [];
    const before = turns.slice(0, i).findLast((one) => one.who === "caller");
    return [{ turn, keys: before?.mode === "keypad" }];
  });
}

/** The steps of a reply, in order, with what the time before each was spent on. */
const STEPS: Record<string, string> = {
  decoding: "silence before decoding",
  decoded: "recognition",
  decided: "silence waited for",
  understood: "understanding",
  worded: "engine",
  queued: "voice",
};

export interface Segment { step: string; what: string; ms: number }

/** A waterfall as segments that follow each other; steps that were not taken are simply absent. */
export function segments(timing: Timing): Segment[] {
  const known = Object.entries(timing).sort((a, b) => a[1] - b[1]);
  return known.map(([step, ms], i) => ({ step, what: STEPS[step] ?? step, ms: ms - (known[i - 1]?.[1] ?? 0) }));
}
