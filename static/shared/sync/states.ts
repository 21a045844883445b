/** How each item stands, in words that are true: its state, the reason, the next step. Chinese and English side by side. */
import { missingFiles } from "./pull";
import type { Paused, Why } from "./server";
import type { Doc, Item, Outcome, Settled } from "./wire";

export type Both = readonly [zh: string, en: string];
/** `look`: a person has to do something. `way`: on its way. `done`: the server has all of it. */
export type Group = "look" | "way" | "done";
export type Light = "ok" | "warn" | "late" | "none";

export interface ItemState {
  item: Item;
  group: Group;
  light: Light;
  state: Both;
  reason: Both | null;
  next: Both | null;
  /** The server's number, once there is a receipt. */
  receipt: number | null;
  code: string | null;
}

export interface Network {
  running: boolean;
  trouble: Paused | null;
  /** The moment of the next attempt, as shown (`10:42`); null when no timer is set. */
  nextAt: string | null;
}

const WAITS_FOR: Partial<Record<Why, Both>> = {
  offline: ["等网络", "waits for a network"],
  phone: ["没发出去", "not sent"],
};

/** An item that waits to be sent. */
export function waitingState(item: Item, network: Network): ItemState {
  const base = { item, group: "way" as const, receipt: null, code: null };
  const { trouble } = network;
  if (network.running) return { ...base, light: "none", state: ["正在发送", "being sent"], reason: null, next: null };
  if (trouble?.why === "signed_out") {
    return {
      ...base,
      light: "warn",
      state: ["等登录", "waits for a sign-in"],
      reason: ["登录已过期，内容都在手机里", "the sign-in has expired; all is on this phone"],
      next: ["登录后继续发送", "sign in to go on sending"],
    };
  }
  if (trouble) {
    return {
      ...base,
      light: "warn",
      state: WAITS_FOR[trouble.why] ?? ["等服务器", "waits for the server"],
      reason: reasonOf(trouble),
      next: nextTry(network),
    };
  }
  return { ...base, light: "none", state: ["排队", "queued"], reason: null, next: nextTry(network) };
}

function nextTry(network: Network): Both {
  if (!network.nextAt) return ["按「现在发送」", "press “Send now”"];
  return [`${network.nextAt} 自动再发，也可以现在发送`, `tried again at ${network.nextAt} by itself, or send now`];
}

/** What keeps the phone from sending. */
export function reasonOf(trouble: Paused): Both {
  const code = typeof trouble.problem.code === "string" ? trouble.problem.code : "";
  if (trouble.why === "offline") return ["没有网络，或连不上服务器", "no network, or the server cannot be reached"];
  if (trouble.why === "stranger")
    return ["回答的不是我们的服务器，可能是 Wi-Fi 登录页", "what answered is not our server, perhaps the sign-in page of a Wi-Fi"];
  if (trouble.why === "no_receipt") return ["服务器的回执对不上，没有删任何一条", "the receipts did not fit; nothing was removed"];
  if (trouble.why === "phone") {
    const what = String(trouble.problem.detail ?? "");
    return [`手机上出了错，可能是空间不够：${what}`, `something failed on this phone, perhaps for want of space: ${what}`];
  }
  if (trouble.why === "busy") return ["服务器忙", "the server is busy"];
  if (code === "sync.schema_too_old")
    return ["应用版本过旧，不能下载新数据；已填写的照样能发", "this build is too old to fetch; what was filled in can still be sent"];
  return [`服务器没有接受（${code || trouble.status}）`, `the server did not accept it (${code || trouble.status})`];
}

/** An item that the server has answered for. `now` is its `outcome` document, where the phone can read one. */
export function answeredState(done: Settled, now: Doc | null): ItemState {
  const { item, result } = done;
  const first = result.outcome === "duplicate" && result.first ? result.first : result;
  const outcome = ((now?.outcome as Outcome | undefined) ?? first.outcome) as Outcome;
  const code = (now ? (now.code as string | null) : first.code) ?? null;
  const message = (now?.message as string | undefined) || result.message;
  const receipt = result.receipt?.no ?? null;
  const base = { item, receipt, code };
  if (outcome === "rejected") return { ...base, ...rejected(code) };
  const missing = missingFiles(done);
  const files = item.files?.length ?? 0;
  if (missing.length) {
    const here = files - missing.length;
    return {
      ...base,
      group: "way",
      light: "none",
      state: [`文字已收，照片 ${here}/${files}`, `text received, photos ${here} of ${files}`],
      reason: null,
      next: ["照片随后发送", "the photos follow"],
    };
  }
  if (outcome === "held") {
    return {
      ...base,
      group: "way",
      light: "none",
      state: ["已收，等前一件", "received, waits for another item"],
      reason: told(message),
      next: ["不用重发", "no need to send again"],
    };
  }
  if (outcome === "review") {
    return {
      ...base,
      group: "look",
      light: "warn",
      state: ["已收，社区在看", "received, a person looks at it"],
      reason: told(message),
      next: ["不用重发，等处理结果", "no need to send again; the result will show here"],
    };
  }
  if (outcome === "superseded") {
    return {
      ...base,
      group: "done",
      light: "ok",
      state: ["已收，留作凭证", "received, kept as evidence"],
      reason: told(message),
      next: ["不用重做", "nothing to do again"],
    };
  }
  if (code === "implausible_time") {
    return {
      ...base,
      group: "look",
      light: "warn",
      state: ["已收", "received"],
      reason: told(message),
      next: ["请校准手机时间", "set the clock of this phone"],
    };
  }
  return { ...base, group: "done", light: "ok", state: ["已收", "received"], reason: null, next: null };
}

function rejected(code: string | null): Omit<ItemState, "item" | "receipt" | "code"> {
  const reasons: Record<string, Both> = {
    not_your_device: ["登录的不是这台手机", "the sign-in belongs to another device"],
    over_limit: ["超过大小限制", "over a size limit"],
    undecodable: ["服务器读不出内容", "the server cannot read it"],
  };
  return {
    group: "look",
    light: "late",
    state: ["没有收，内容还在手机里", "not received; it is still on this phone"],
    reason: (code && reasons[code]) || [`代码 ${code ?? "–"}`, `code ${code ?? "–"}`],
    next:
      code === "not_your_device"
        ? ["在原手机登录后再发", "sign in on the right phone and send again"]
        : ["请导出后交给街道", "export it and hand it to the street"],
  };
}

/** The server says its sentence in the language of the request; in the other language the outcome itself has to do. */
function told(message: string): Both | null {
  return message ? [message, message] : null;
}
