/** Asking the server: one request at a time, with a fresh sign-in where the old one has run out. */
import type { Json, JsonObject } from "./json";
import type { Store } from "./store";
import { API, type ClockReading, type Session } from "./wire";

export interface Answer {
  status: number;
  header: (name: string) => string | null;
  bytes: Uint8Array;
}
/** Sends one request. Rejects where there is no network. */
export type Send = (method: string, path: string, headers: Record<string, string>, body: BodyInit | null) => Promise<Answer>;

/** Why nothing can be done now; `phone` is a fault on this side, such as a full storage. */
export type Why = "offline" | "signed_out" | "busy" | "stranger" | "refused" | "no_receipt" | "phone";

/** The server cannot be used now; nothing is lost. `retryAfter` in seconds, where it said so. */
export class Paused extends Error {
  constructor(
    readonly why: Why,
    readonly status = 0,
    readonly problem: JsonObject = {},
    readonly retryAfter = 0,
  ) {
    super(`${why} ${status} ${String(problem.code ?? "")}`.trim());
    this.name = "Paused";
  }
}

/** The server could not take the body: send half of it. */
export class Halve extends Paused {}

const TIMEOUT_MS = 30_000;

/** Sends over the network; an answer that does not come within half a minute is no answer. */
export const overNetwork: Send = async (method, path, headers, body) => {
  const answer = await fetch(path, {
    method,
    headers,
    body,
    credentials: "omit",
    cache: "no-store",
    redirect: "error",
    signal: AbortSignal.timeout(TIMEOUT_MS),
  });
  return {
    status: answer.status,
    header: (name) => answer.headers.get(name),
    bytes: new Uint8Array(await answer.arrayBuffer()),
  };
};

export class Server {
  constructor(
    readonly store: Store,
    private readonly send: Send,
    readonly now: () => Date,
    readonly deviceId: string,
  ) {}

  /** The sign-in that is kept, if any. */
  session(): Promise<Session | undefined> {
    return this.store.get<Session>("meta", "session");
  }

  /** Ask for JSON. Raises Paused when there is no network, no sign-in or no room, and Halve for a body that is too much. */
  async ask<T>(method: string, path: string, body?: Json | object, signedIn = true): Promise<T> {
    const headers = { "Content-Type": "application/json", Accept: "application/json" };
    const before = this.now();
    const answer = await this.exchange(method, API + path, headers, body === undefined ? null : JSON.stringify(body), { signedIn });
    const said = readJson(answer);
    if (answer.status === 200) {
      await this.measure(before, said);
      return said as T;
    }
    if (answer.status === 400 || answer.status === 413) throw new Halve("refused", answer.status, said as JsonObject);
    throw paused(answer, said as JsonObject);
  }

  /** One request. `takes` are the statuses that the caller handles; any other one raises Paused. */
  async exchange(
    method: string,
    path: string,
    headers: Record<string, string>,
    body: BodyInit | null,
    how: { signedIn?: boolean; takes?: number[]; fresh?: boolean } = {},
  ): Promise<Answer> {
    const session = how.signedIn === false ? undefined : await this.session();
    if (how.signedIn !== false && !session) throw new Paused("signed_out");
    const proof: Record<string, string> = session ? { Authorization: `Bearer ${session.access_token}` } : {};
    let answer: Answer;
    try {
      answer = await this.send(method, path, { ...headers, ...proof }, body);
    } catch (problem) {
      throw new Paused("offline", 0, { detail: String(problem) });
    }
    if (answer.status === 401 && session && !how.fresh) {
      await this.refresh(session);
      return this.exchange(method, path, headers, body, { ...how, fresh: true });
    }
    if (answer.status === 401 && session) throw paused(answer, readJson(answer) as JsonObject);
    if (how.takes && !how.takes.includes(answer.status)) throw paused(answer, {});
    return answer;
  }

  /** Trade the refresh token for its successor. An answer that is lost is asked for again with the same token. */
  private async refresh(session: Session): Promise<void> {
    const body = { refresh_token: session.refresh_token, device_id: this.deviceId };
    const next = await this.ask<Session>("POST", "/auth/refresh", body, false);
    if (typeof next.access_token !== "string" || typeof next.refresh_token !== "string") throw new Paused("stranger", 200);
    await this.store.write([{ put: "meta", key: "session", value: next }]);
  }

  private async measure(before: Date, said: Json): Promise<void> {
    const told = said !== null && typeof said === "object" && !Array.isArray(said) ? said.server_time : undefined;
    const server = typeof told === "string" ? Date.parse(told) : Number.NaN;
    if (Number.isNaN(server)) return;
    const after = this.now();
    const trip = after.getTime() - before.getTime();
    const reading: ClockReading = {
      offset_ms: Math.round(server - (before.getTime() + trip / 2)),
      rtt_ms: Math.max(trip, 0),
      measured_at: after.toISOString(),
    };
    await this.store.write([{ put: "meta", key: "clock", value: reading }]);
  }
}

/** The answer, if it is one of ours: a page of a Wi-Fi portal or half an answer is no answer. */
function readJson(answer: Answer): Json {
  if ((answer.header("content-type") ?? "").includes("json")) {
    try {
      const said: Json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(answer.bytes));
      if (said !== null && typeof said === "object") return said;
    } catch (problem) {
      throw new Paused("stranger", answer.status, { detail: String(problem) });
    }
  }
  throw new Paused("stranger", answer.status);
}

function paused(answer: Answer, problem: JsonObject): Paused {
  const after = Number(answer.header("retry-after") ?? 0);
  const why: Why = answer.status === 401 ? "signed_out" : answer.status === 429 || answer.status >= 500 ? "busy" : "refused";
  return new Paused(why, answer.status, problem, Number.isFinite(after) ? after : 0);
}
