// Components as a person meets them: by role and name.
import { cleanup, fireEvent, render, screen, waitFor } from "@testing-library/react";
import { TokenSource } from "livekit-client";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Answer, Flow, Ticket, Turn } from "./api";
import { Delay } from "./delay";
import { clock, median, plain } from "./format";
import { Keypad } from "./keypad";
import { Login } from "./login";
import { Notice } from "./notice";
import { Answers, ScoreCard } from "./panels";
import { partAt } from "./player";
import { Start } from "./start";
import { current, Transcript } from "./transcript";
import { begin, type View } from "./view";
import { Responses } from "./waterfall";

const FLOW: Flow = {
  name: "b2b", version: 1, hash: "h", qualified_at: 60, error: "", lead: ["role"],
  slots: [
    { name: "size", label: "company size", type: "integer_range", ask: "How many?", keypad: "digits", rules: [] },
    { name: "budget", label: "budget", type: "money", ask: "How much?", keypad: "digits", rules: [] },
  ],
};
const CALL = {
  id: "c1", direction: "web", flow: "b2b", caller: "", callee: "", created_at: 100, answered_at: 100, ended_at: null,
  disposition: null, score: null,
};
const SIZE: Answer = { slot: "size", shown: "60", raw: "about sixty", mode: "speech", confirmed: "implicit", tries: 1, certainty: 0.9 };

function view(changed: Partial<View> = {}): View {
  const empty = begin({ call: CALL, flow: FLOW, lead: {}, record: {}, turns: [], answers: [], recordings: [], since: "0" });
  return { ...empty, ...changed };
}

function turn(n: number, who: Turn["who"], text: string, more: Partial<Turn> = {}): Turn {
  return { n, who, text, at: 100 + n, mode: "speech", slot: null, response_ms: null, interrupted: false, timing: {}, ...more };
}

/** Answers to requests, by path; what was asked is kept. */
const asked: { path: string; body: unknown }[] = [];
let answers: Record<string, [number, unknown]> = {};
const real = globalThis.fetch;
beforeEach(() => {
  asked.length = 0;
  Object.defineProperty(window, "isSecureContext", { value: true, configurable: true });
  globalThis.fetch = (async (path: string, init?: RequestInit) => {
    asked.push({ path, body: init?.body ? JSON.parse(String(init.body)) : null });
    const [status, body] = answers[path] ?? [404, { error: "there is no such thing" }];
    return new Response(JSON.stringify(body), { status });
  }) as typeof fetch;
});
afterEach(() => {
  cleanup();
  globalThis.fetch = real;
});

describe("before the call", () => {
  it("asks for a call with flow, number and lead", async () => {
    const ticket: Ticket = { server_url: "ws://x", participant_token: "t", room_name: "r", participant_identity: "i", call_id: "c1" };
    answers = { "/api/flows": [200, [FLOW]], "/api/token": [201, ticket] };
    const taken: Ticket[] = [];
    render(<Start take={(given) => taken.push(given)} />);
    fireEvent.change(await screen.findByLabelText(/Caller's number/), { target: { value: " +12025550142 " } });
    fireEvent.change(screen.getByLabelText("Role"), { target: { value: "ceo" } });
    fireEvent.click(screen.getByRole("button", { name: "Start the call" }));
    await waitFor(() => expect(taken).toEqual([ticket]));
    expect(asked.at(-1)?.body).toEqual({ flow: "b2b", caller: "+12025550142", lead: { first_name: "", company: "", email: "", role: "ceo" } });
  });

  it.each([
    [503, { error: "livekit-server does not answer" }, "Livekit-server does not answer.", /leadline status/],
    [422, { detail: [{ loc: ["body", "caller"], msg: "too long" }] }, "Caller: too long.", null],
    [429, { error: "too many calls were begun" }, "Too many calls were begun.", null],
  ])("says plainly why not: %i", async (status, body, what, fix) => {
    answers = { "/api/flows": [200, [FLOW]], "/api/token": [status, body] };
    render(<Start take={() => undefined} />);
    await screen.findByText(/Asks for company size/);
    fireEvent.click(screen.getByRole("button", { name: "Start the call" }));
    const notice = await screen.findByRole("alert");
    expect(notice.textContent).toContain(what);
    if (fix) expect(notice.textContent).toMatch(fix);
    expect((screen.getByRole("button", { name: "Start the call" }) as HTMLButtonElement).disabled).toBe(false);
  });

  it("is served by a token endpoint that LiveKit's own client understands", async () => {
    const told = { server_url: "ws://x", participant_token: "t", room_name: "r", participant_identity: "i", call_id: "c1" };
    answers = { "/api/token": [201, told] };
    const found = await TokenSource.endpoint("/api/token").fetch({ agentName: "leadline", agentMetadata: '{"flow":"b2b"}' });
    expect([found.serverUrl, found.participantToken]).toEqual(["ws://x", "t"]);
    expect(asked.at(-1)?.body).toEqual({ room_config: { agents: [{ agent_name: "leadline", metadata: '{"flow":"b2b"}' }] } });
  });

  it("says where a microphone cannot be used", async () => {
    Object.defineProperty(window, "isSecureContext", { value: false, configurable: true });
    answers = { "/api/flows": [200, [FLOW]] };
    render(<Start take={() => undefined} />);
    expect((await screen.findByRole("alert")).textContent).toContain("This page cannot use the microphone.");
  });

  it("shows a mistake in a flow and does not start it", async () => {
    answers = { "/api/flows": [200, [{ ...FLOW, error: "b2b.yaml:3: no such type" }]] };
    render(<Start take={() => undefined} />);
    fireEvent.change(await screen.findByLabelText(/^Flow/), { target: { value: "b2b" } });
    expect((screen.getByRole("button", { name: "Start the call" }) as HTMLButtonElement).disabled).toBe(true);
  });

  it("logs in, and says when the password is wrong", async () => {
    answers = { "/api/login": [401, { error: "name or password is wrong" }] };
    render(<Login done={() => undefined} />);
    fireEvent.change(screen.getByLabelText("Name"), { target: { value: "olga" } });
    fireEvent.change(screen.getByLabelText("Password"), { target: { value: "x" } });
    fireEvent.submit(screen.getByRole("button", { name: "Log in" }).closest("form")!);
    expect((await screen.findByRole("alert")).textContent).toContain("Name or password is wrong.");
  });
});

describe("the keypad", () => {
  it("sends keys by pointer and keyboard, not while somebody writes", () => {
    const sent: string[] = [];
    render(<><Keypad press={(key) => sent.push(key)} disabled={false} wanted="digits" /><input aria-label="field" /></>);
    fireEvent.click(screen.getByRole("button", { name: "5" }));
    fireEvent.click(screen.getByRole("button", { name: "pound" }));
    fireEvent.keyDown(document.body, { key: "*" });
    fireEvent.keyDown(document.body, { key: "x" });
    fireEvent.keyDown(screen.getByLabelText("field"), { key: "7" });
    expect(sent).toEqual(["5", "#", "*"]);
    expect(screen.getByLabelText("Keys sent").textContent).toBe("5#*");
  });

  it("does nothing before the call is up", () => {
    const sent: string[] = [];
    render(<Keypad press={(key) => sent.push(key)} disabled wanted="none" />);
    fireEvent.keyDown(document.body, { key: "1" });
    expect(sent).toEqual([]);
  });
});

describe("the view", () => {
  it("shows final and partial words of both sides", () => {
    const turns = [turn(0, "bot", "Hello!", { response_ms: 400, heard_ms: 480 }), turn(1, "caller", "5#", { mode: "keypad" })];
    render(<Transcript view={view({ turns, speaking: "And now", hearing: "I thi", sound: true })} began={100} playing={null} seek={null} />);
    const log = screen.getByRole("log");
    expect(log.textContent).toContain("answered after 400 ms, heard here after 480 ms");
    expect(log.textContent).not.toContain("And now"); // a screen reader hears what is final
    expect(screen.getByText("And now")).toBeTruthy();
    expect(screen.getByText("I thi")).toBeTruthy();
    expect(screen.getByLabelText("keys 5#")).toBeTruthy();
  });

  it("marks the turn that the recording plays and goes where one clicks", () => {
    const moved: number[] = [];
    const turns = [turn(0, "bot", "Hello!"), turn(5, "caller", "Hi")];
    render(<Transcript view={view({ turns })} began={100} playing={103} seek={(at) => moved.push(at)} />);
    expect(screen.getByText("Hello!").getAttribute("aria-current")).toBe("true");
    fireEvent.click(screen.getByRole("button", { name: "Play from 0:05" }));
    expect(moved).toEqual([105]);
  });

  it("shows what is known with the words that said so, what is asked and what is left open", () => {
    const question = { stage: "ask", slot: "budget", label: "budget", keypad: "digits", asked: 1, misses: 0, tries: 2, skipped: [] };
    render(<Answers view={view({ answers: { size: SIZE }, question })} flow={FLOW} />);
    expect(screen.getByText("about sixty").tagName).toBe("Q");
    expect(screen.getByText("said, confirmed in passing, certainty 90 %")).toBeTruthy();
    expect(screen.getByText("being asked")).toBeTruthy();
  });

  it("shows the score with its rules", () => {
    render(<ScoreCard score={{ total: 20, qualified_at: 60, points: [{ rule: "company_size >= 20", points: 20 }] }} />);
    expect(screen.getByText("company_size >= 20")).toBeTruthy();
    expect(screen.getByRole("meter", { name: "Score" }).getAttribute("value")).toBe("20");
  });

  it("shows waterfalls where they were measured, and plain bars where not", () => {
    const turns = [
      turn(0, "bot", "A", { response_ms: 400, timing: { decided: 200, queued: 400 } }), turn(1, "bot", "B", { response_ms: 300 }), turn(2, "bot", "C"),
    ];
    render(<Responses turns={turns} />);
    expect(screen.getByRole("img", { name: "400 ms: silence waited for 200 ms, voice 200 ms" }).children).toHaveLength(2);
    expect(screen.getByRole("img", { name: "300 ms" })).toBeTruthy();
    expect(screen.queryByText("C")).toBeNull();
  });

  it("shows commands as code", () => {
    render(<Notice what="No bot has come." fix="Try `leadline up`." />);
    expect(screen.getByText("leadline up").tagName).toBe("CODE");
  });
});

describe("small things", () => {
  it.each([[0, "0:00"], [65.9, "1:05"], [-3, "0:00"]])("%d s is %s", (seconds, shown) => expect(clock(seconds)).toBe(shown));
  it("medians", () => expect([median([]), median([3, 1, 2]), median([1, 2])]).toEqual([null, 2, 2]));
  it("names", () => expect(plain("no_input")).toBe("No input"));
  it("finds the turn at a moment", () => expect([current([turn(1, "bot", "")], 100), current([turn(1, "bot", "")], 101)]).toEqual([-1, 1]));
  it("finds the part at a moment", () => {
    const parts = [{ part: 1, began_at: 100, seconds: 5 }, { part: 2, began_at: 110, seconds: 5 }];
    expect([100, 106, 112, 200].map((at) => partAt(parts, at))).toEqual([0, 1, 1, 1]);
  });

  it("hears a delay once, after the caller's last sound and a pause of the bot's", () => {
    const delay = new Delay();
    const heard: (number | null)[] = [];
    for (let now = 0; now < 2000; now += 10) {
      const mine = now >= 500 && now < 1000 ? 0.1 : 0;
      const theirs = now < 200 || now >= 1400 ? 0.1 : 0;
      heard.push(delay.take(now + 1000, mine, theirs));
    }
    expect(heard.filter((ms) => ms !== null)).toEqual([410]);
  });
});
