/** One sync after the other: under one lock for all pages and the service worker of this phone, and again when it is time. */
import { upload } from "./files";
import type { Phone } from "./phone";
import { pull } from "./pull";
import { push } from "./push";
import { Paused } from "./server";

/** `send` is what a service worker can do while the store is locked: the outbox and its photos. */
export type Part = "all" | "send";

/** Runs `work` while nobody else on this phone holds the lock of that name. */
export type Lock = <T>(name: string, work: () => Promise<T>) => Promise<T>;

let before: Promise<unknown> = Promise.resolve();

/** Web Locks where there are any. Without them only this page waits for itself; a double send is a `duplicate` and harmless. */
export const webLock: Lock = (name, work) => {
  if (globalThis.navigator?.locks) return navigator.locks.request(name, work) as ReturnType<typeof work>;
  const mine = before.then(work, work);
  before = mine.catch(() => undefined);
  return mine;
};

/** Send what waits and its photos, fetch what is new. Raises Paused.
 *
 * Pull does not wait for push (R6): what keeps the server from taking items in is raised only when the rest is done. */
export async function sync(phone: Phone, part: Part, user: string, lock: Lock = webLock): Promise<void> {
  await lock(`gw-sync-${user}`, async () => {
    const problems: unknown[] = [];
    const steps = part === "all" ? [push, upload, (one: Phone) => pull(one)] : [push, upload];
    for (const step of steps) {
      try {
        await step(phone);
      } catch (problem) {
        problems.push(problem);
        if (!(problem instanceof Paused) || problem.why === "offline" || problem.why === "signed_out") break;
      }
    }
    if (problems.length) throw problems[0];
  });
}

export interface State {
  running: boolean;
  /** Why the last attempt did not come to its end, null after one that did. */
  trouble: Paused | null;
  /** When the next attempt begins by itself; there is a timer behind it. Null: none is set. */
  nextAt: Date | null;
  /** When something last came to its end, null before the first time since the page was opened. */
  doneAt: Date | null;
}

export const USUAL_MS = 5 * 60_000;
const FIRST_MS = 5_000;

/** How long to wait after the `failures`-th failure in a row: doubling from 5 s to 5 min, spread by a random share from half on,
 * so that phones that lost the same network do not come back at the same moment. Never before the server's Retry-After. */
export function waitMs(failures: number, retryAfterS: number, random: number): number {
  const longest = Math.min(FIRST_MS * 2 ** (failures - 1), USUAL_MS);
  return Math.round(Math.max(longest * (0.5 + random / 2), retryAfterS * 1000));
}

export interface Timers {
  set: (work: () => void, ms: number) => unknown;
  clear: (timer: unknown) => void;
}

/** Syncs when it is told to, and by a timer. */
export class Scheduler {
  state: State = { running: false, trouble: null, nextAt: null, doneAt: null };
  private timer: unknown = null;
  private failures = 0;
  private again = false;
  private heldUntil = 0;
  private stopped = false;

  constructor(
    private readonly run: () => Promise<void>,
    private readonly now: () => Date,
    private readonly told: (state: State) => void,
    private readonly timers: Timers = {
      set: (work, ms) => setTimeout(work, ms),
      clear: (timer) => clearTimeout(timer as number),
    },
  ) {}

  /** Sync now, or once more after the sync that is running. Before the end of a Retry-After only the timer does. */
  async kick(): Promise<void> {
    if (this.stopped) return;
    if (this.now().getTime() < this.heldUntil) return;
    if (this.state.running) {
      this.again = true;
      return;
    }
    this.plan(null);
    this.say({ running: true });
    try {
      await this.run();
      this.failures = 0;
      this.say({ trouble: null, doneAt: this.now() });
    } catch (problem) {
      this.failures++;
      const trouble = problem instanceof Paused ? problem : new Paused("phone", 0, { detail: String(problem) });
      if (trouble.retryAfter > 0) this.heldUntil = this.now().getTime() + trouble.retryAfter * 1000;
      this.say({ trouble });
    } finally {
      this.say({ running: false });
    }
    if (this.again && !this.state.trouble) {
      this.again = false;
      return this.kick();
    }
    this.again = false;
    const { trouble } = this.state;
    // Without a sign-in no attempt can succeed until somebody has signed in.
    if (trouble?.why === "signed_out") this.plan(null);
    else this.plan(trouble ? waitMs(this.failures, trouble.retryAfter, Math.random()) : USUAL_MS);
  }

  /** No more syncs; the one that runs comes to its end. */
  stop(): void {
    this.stopped = true;
    this.plan(null);
  }

  private plan(ms: number | null): void {
    if (this.timer !== null) this.timers.clear(this.timer);
    this.timer = null;
    if (ms === null || this.stopped) {
      this.say({ nextAt: null });
      return;
    }
    this.timer = this.timers.set(() => {
      this.heldUntil = 0;
      void this.kick();
    }, ms);
    this.say({ nextAt: new Date(this.now().getTime() + ms) });
  }

  private say(news: Partial<State>): void {
    this.state = { ...this.state, ...news };
    this.told(this.state);
  }
}
