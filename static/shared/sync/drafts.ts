/** Drafts: what is being filled in. Each answer is on the disk within 300 ms, whatever happens to the app afterwards. */
import type { Json } from "./json";
import type { Phone } from "./phone";
import type { Write } from "./store";
import type { FileEntry } from "./wire";

export const SAVED_WITHIN_MS = 300;
/** How long answers that follow each other closely are gathered into one write; well below what is promised. */
const GATHER_MS = 120;

export interface Draft {
  key: string;
  title: string;
  answers: { [name: string]: Json };
  files: FileEntry[];
  saved_at: string;
}

/** The draft under a key: of a task its id, of a report `lead`. */
export function draftOf(phone: Phone, key: string): Promise<Draft | undefined> {
  return phone.store.get<Draft>("drafts", key);
}

/** All drafts. */
export function drafts(phone: Phone): Promise<Draft[]> {
  return phone.store.all<Draft>("drafts");
}

/** What drops a draft; it goes in the same step in which its item is queued. */
export function dropDraft(key: string): Write {
  return { drop: "drafts", key };
}

/** Saves one draft as it changes. */
export class DraftKeeper {
  private timer: ReturnType<typeof setTimeout> | null = null;
  private latest: Draft | null = null;
  private writing: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly phone: Phone,
    private readonly failed: (problem: unknown) => void,
  ) {}

  /** Keep this state; it is written at the latest GATHER_MS from the first change that is not. */
  keep(draft: Omit<Draft, "saved_at">): void {
    this.latest = { ...draft, saved_at: this.phone.now().toISOString() };
    this.timer ??= setTimeout(() => void this.flush(), GATHER_MS);
  }

  /** Write at once what is not written yet: the page is going away. */
  async flush(): Promise<void> {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    const draft = this.latest;
    this.latest = null;
    if (draft) {
      const write = () => this.phone.store.write([{ put: "drafts", key: draft.key, value: JSON.parse(JSON.stringify(draft)) }]);
      this.writing = this.writing.then(write).catch(this.failed);
    }
    await this.writing;
  }
}
