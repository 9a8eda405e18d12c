// The console's API as the page uses it. Shapes follow console/shapes.py; times are Unix seconds.

export type Role = "operator" | "visitor";
export interface Me { name: string; role: Role | null; login: boolean }
export interface Health { livekit: boolean; database: boolean; page: boolean }
export interface FlowSlot { name: string; label: string; type: string; ask: string; keypad: string; rules: string[] }
export interface Flow {
  name: string; version: number; hash: string; qualified_at: number; slots: FlowSlot[]; lead: string[]; error: string;
}
export interface CallRow {
  id: string; direction: string; flow: string; caller: string; callee: string; created_at: number;
  answered_at: number | null; ended_at: number | null; disposition: string | null; score: number | null;
}
export type Timing = Record<string, number>;
export interface Turn {
  n: number; who: "bot" | "caller"; text: string; at: number; mode: string; slot: string | null;
  response_ms: number | null; interrupted: boolean; timing: Timing; heard_ms?: number;
}
export interface Answer {
  slot: string; shown: string; raw: string; mode: string; confirmed: string; tries: number; certainty: number;
}
export interface Points { rule: string; points: number }
export interface Part { part: number; began_at: number; seconds: number | null }
export interface Detail {
  call: CallRow; flow: Flow | null; lead: Record<string, string>; record: Record<string, unknown>;
  turns: Turn[]; answers: Answer[]; recordings: Part[]; since: string;
}
export type Field = string | number | boolean | null;
export interface LiveEvent { id: string; at: number; call_id: string; kind: string; fields: Record<string, Field> }
export interface Ticket {
  server_url: string; participant_token: string; room_name: string; participant_identity: string; call_id: string;
}
export interface Order { flow: string; caller: string; lead: Record<string, string> }

/** What the server refused, in its own words. Status 0: it could not be reached. */
export class Refused extends Error {
  readonly status: number;
  readonly fix: string;
  constructor(status: number, error: string, fix = "") {
    super(error);
    this.status = status;
    this.fix = fix;
  }
}

async function ask<T>(path: string, init?: RequestInit): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...init });
  } catch {
    throw new Refused(0, "The console does not answer.", "Is it running? Start it with `leadline up --web`.");
  }
  if (response.status === 204) return undefined as T;
  const body: unknown = await response.json().catch(() => ({}));
  if (response.ok) return body as T;
  throw new Refused(response.status, ...words(body, response.status));
}

function words(body: unknown, status: number): [string, string] {
  const told = body as { error?: string; fix?: string; detail?: { msg: string; loc: (string | number)[] }[] };
  if (told.error) return [sentence(told.error), told.fix ?? ""];
  const first = told.detail?.[0];
  return [first ? sentence(`${first.loc.slice(1).join(" ")}: ${first.msg}`) : `The server answered ${status}.`, ""];
}

function sentence(text: string): string {
  const told = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?]$/.test(told) ? told : `${told}.`;
}

function post<T>(path: string, body: unknown): Promise<T> {
  return ask(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
}

export const api = {
  me: () => ask<Me>("/api/me"),
  login: (name: string, password: string) => post<Me>("/api/login", { name, password }),
  logout: () => post<void>("/api/logout", {}),
  health: () => ask<Health>("/api/health"),
  flows: () => ask<Flow[]>("/api/flows"),
  calls: () => ask<CallRow[]>("/api/calls?limit=50"),
  detail: (id: string) => ask<Detail>(`/api/calls/${encodeURIComponent(id)}`),
  begin: (order: Order) => post<Ticket>("/api/token", order),
  comeBack: (id: string) => post<Ticket>("/api/token", { call_id: id }),
  eventsOf: (id: string, since: string) => `/api/calls/${encodeURIComponent(id)}/events?since=${encodeURIComponent(since)}`,
  recordingOf: (id: string, part: number) => `/api/calls/${encodeURIComponent(id)}/recordings/${part}`,
};
