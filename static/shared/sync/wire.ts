/** What goes over the wire, as docs/sync.md describes it. Members that are not named here are kept as they come. */
import type { Json, JsonObject } from "./json";

export const API = "/api/v1";
export const SCHEMA = 1;

export type Outcome = "accepted" | "duplicate" | "superseded" | "held" | "review" | "rejected";
export type Kind =
  | "visit.submit"
  | "visit.withdraw"
  | "lead.report"
  | "lead.resubmit"
  | "lead.withdraw"
  | "notice.serve"
  | "address.bind"
  | "checklist.submit"
  | "suggestion.submit";

export interface FileEntry {
  sha256: string;
  size: number;
  mime: string;
  role: string;
  required: boolean;
}

/** One immutable fact. Once it is in the outbox no member of it changes any more. */
export interface Item {
  id: string;
  device_no: number;
  kind: Kind;
  payload: JsonObject;
  captured_at: string;
  clock: { offset_ms: number; offset_age_s: number; rtt_ms: number } | null;
  scope: string | null;
  scope_token: string | null;
  task_id?: string;
  base_rev?: number;
  item_version?: string | null;
  place?: JsonObject | null;
  depends_on?: string[];
  files?: FileEntry[];
}

export interface Receipt {
  id: string;
  item_sha256: string;
  received_at: string;
  no: number;
}

export interface Result {
  id: string | null;
  outcome: Outcome;
  code: string | null;
  message: string;
  facts: JsonObject;
  receipt: Receipt | null;
  missing: string[];
  rev: number | null;
  first: { outcome: Outcome; code: string | null } | null;
}

export interface Doc {
  kind: string;
  id: string;
  rev: number;
  [member: string]: Json;
}

export type Change =
  | { op: "put"; kind: string; id: string; rev: number; seq: number; doc: Doc }
  | { op: "leave"; kind: string; id: string; seq: number };

export interface ScopePart {
  scope: string;
  mode: "delta" | "snapshot";
  snapshot?: string;
  page?: number;
  token: string;
  more: boolean;
  digest: { count: number; hash: string } | null;
  changes: Change[];
}

export interface PullAnswer {
  server_time: string;
  epoch: string;
  granted: string[];
  revoked: string[];
  scopes: ScopePart[];
  more: boolean;
}

export interface PushAnswer {
  server_time: string;
  results: Result[];
}

export interface Session {
  access_token: string;
  access_expires_at: string;
  refresh_token: string;
  refresh_expires_at: string;
  user: { id: string; name: string; roles: string[]; area: JsonObject | null };
  server_time: string;
}

/** An item that has left the outbox, with the answer that let it go. */
export interface Settled {
  item: Item;
  result: Result;
  at: string;
  /** Hashes of its files that are known to be with the server. */
  sent: string[];
}

/** The clock of the phone against that of the server, as measured at the last contact. */
export interface ClockReading {
  offset_ms: number;
  rtt_ms: number;
  measured_at: string;
}
