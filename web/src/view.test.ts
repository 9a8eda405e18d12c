// The view is a pure function of rows and events: tables of both.
import { describe, expect, it } from "vitest";
import type { Detail, Field, LiveEvent } from "./api";
import { apply, begin, heardHere, refresh, replies, segments, type View } from "./view";

const DETAIL: Detail = {
  call: {
    id: "c1", direction: "web", flow: "f", caller: "", callee: "", created_at: 100, answered_at: null, ended_at: null,
    disposition: null, score: null,
  },
  flow: null, lead: {}, record: {}, turns: [], answers: [], recordings: [], since: "0",
};

let count = 0;
function event(kind: string, fields: Record<string, Field> = {}): LiveEvent {
  count += 1;
  return { id: `${count}-0`, at: 100, call_id: "c1", kind, fields };
}

function after(...events: LiveEvent[]): View {
  return events.reduce(apply, begin(DETAIL));
}

describe("words", () => {
  it("shows what is being said until it is final", () => {
    const said = event("said", { n: 0, at: 101, finished: true, response_ms: null, timing: "{}", "pii.text": "Hello!" });
    expect(after(event("speaking", { "pii.text": "Hello!" })).speaking).toBe("Hello!");
    const view = after(event("speaking", { "pii.text": "Hello!" }), said);
    expect([view.speaking, view.turns.map((turn) => turn.text)]).toEqual(["", ["Hello!"]]);
  });

  it("shows guesses at what the caller says until it is heard", () => {
    const guess = after(event("sound"), event("hearing", { "pii.text": "about six" }));
    expect([guess.sound, guess.hearing]).toEqual([true, "about six"]);
    const view = apply(guess, event("heard", { n: 1, at: 102, began_at: 101, "pii.text": "about sixty" }));
    expect([view.sound, view.hearing, view.turns[0]?.text, view.turns[0]?.at]).toEqual([false, "", "about sixty", 101]);
  });

  it("keeps turns in order and once, whether rows or events bring them", () => {
    const view = after(event("heard", { n: 1, at: 2, "pii.text": "b" }), event("pressed", { n: 0, at: 1, "pii.digits": "5#" }));
    expect(view.turns.map((turn) => [turn.n, turn.text, turn.mode])).toEqual([[0, "5#", "keypad"], [1, "b", "speech"]]);
    const rows = { ...DETAIL, turns: [{ ...view.turns[1]!, text: "B" }] };
    expect(refresh(view, rows).turns.map((turn) => turn.text)).toEqual(["5#", "B"]);
  });

  it("says how long a reply took, here and there, and that it was interrupted", () => {
    const fields = { n: 0, at: 1, finished: false, response_ms: 400, timing: '{"decided":200,"queued":400}', "pii.text": "So" };
    const turn = apply(heardHere(after(), 480), event("said", fields)).turns[0];
    expect(turn).toMatchObject({ response_ms: 400, heard_ms: 480, interrupted: true, timing: { decided: 200, queued: 400 } });
  });
});

describe("what is known", () => {
  it("fills a slot with its words and empties it again", () => {
    const filled = after(event("answer", { slot: "size", mode: "speech", confirmed: "no", certainty: 0.9, tries: 1, "pii.value": "60", "pii.raw": "sixty" }));
    expect(filled.answers.size).toMatchObject({ shown: "60", raw: "sixty", mode: "speech" });
    expect(apply(filled, event("unanswered", { slot: "size" })).answers).toEqual({});
  });

  it("counts points with their rules", () => {
    const view = after(event("score", { total: 20, qualified_at: 60, coverage: 0.5, points: '[{"rule":"size >= 20","points":20}]' }));
    expect(view.score).toEqual({ total: 20, qualified_at: 60, points: [{ rule: "size >= 20", points: 20 }] });
  });

  it("knows the open question and what was left open", () => {
    const view = after(event("question", { stage: "ask", slot: "size", label: "company size", keypad: "digits", asked: 2, misses: 1, tries: 2, skipped: "a,b" }));
    expect(view.question).toMatchObject({ stage: "ask", label: "company size", asked: 2, skipped: ["a", "b"] });
  });
});

describe("the end", () => {
  it("ends with the event, and with rows where no event came", () => {
    const running = after(event("question", { stage: "ask" }), event("sound"), event("recording", { on: true }));
    const ended = apply(running, event("ended", { at: 130, disposition: "qualified", score: 70 }));
    expect([ended.question, ended.sound, ended.recording, ended.call.disposition]).toEqual([null, false, false, "qualified"]);
    const rows = { ...DETAIL, call: { ...DETAIL.call, ended_at: 130, disposition: "failed" } };
    expect([refresh(running, rows).question, refresh(running, rows).call.disposition]).toEqual([null, "failed"]);
  });

  it.each([["away", true], ["back", false]])("%s", (kind, away) => {
    expect(after(event("away"), event(kind)).away).toBe(away);
  });

  it("ignores events it does not know", () => {
    expect(after(event("mind", { verdict: "used", ms: 300 }))).toEqual(after());
  });
});

it("tells replies to keys from those to speech", () => {
  const view = after(
    event("pressed", { n: 0, at: 1, "pii.digits": "1" }), event("said", { n: 1, at: 2, response_ms: 3, timing: "{}", "pii.text": "a" }),
    event("heard", { n: 2, at: 3, "pii.text": "b" }), event("said", { n: 3, at: 4, response_ms: 400, timing: "{}", "pii.text": "c" }),
    event("said", { n: 4, at: 5, response_ms: null, timing: "{}", "pii.text": "d" }),
  );
  expect(replies(view.turns).map(({ turn, keys }) => [turn.n, keys])).toEqual([[1, true], [3, false]]);
});

it("cuts a waterfall into segments and leaves out what was not measured", () => {
  expect(segments({ decoded: 180, decided: 200, queued: 430 })).toEqual([
    { step: "decoded", what: "recognition", ms: 180 },
    { step: "decided", what: "silence waited for", ms: 20 },
    { step: "queued", what: "voice", ms: 230 },
  ]);
  expect(segments({})).toEqual([]);
});
