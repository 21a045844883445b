/** Sending the outbox. An item leaves it only on a receipt with its own id and hash. */
import { itemSha256, size } from "./json";
import type { Limits } from "./limits";
import { limitsOf, outboxKey, type Phone, waiting } from "./phone";
import { Halve, Paused } from "./server";
import type { Item, PushAnswer, Result, Settled } from "./wire";

/** Send what waits. Raises Paused; what got its receipt until then is settled. */
export async function push(phone: Phone): Promise<void> {
  const limits = await limitsOf(phone.store);
  let most = limits.items_a_batch;
  for (;;) {
    const batch = fitting(await waiting(phone.store), most, limits);
    const first = batch[0];
    if (!first) return;
    let answer: PushAnswer;
    try {
      answer = await phone.server.ask<PushAnswer>("POST", "/sync/push", { device_id: phone.deviceId, items: batch });
    } catch (problem) {
      if (!(problem instanceof Halve)) throw problem;
      if (batch.length > 1) {
        most = Math.floor(batch.length / 2);
        continue;
      }
      await settle(phone, first, undecodable(first, problem));
      continue;
    }
    if (!Array.isArray(answer.results)) throw new Paused("stranger", 200);
    let settled = 0;
    for (const [place, item] of batch.entries()) {
      const result = answer.results[place];
      if (result && (await settle(phone, item, result))) settled++;
    }
    if (!settled) throw new Paused("no_receipt", 200);
  }
}

function fitting(items: Item[], most: number, limits: Limits): Item[] {
  const batch: Item[] = [];
  let length = 100;
  for (const item of items.slice(0, most)) {
    length += size(item) + 1;
    if (batch.length && length > limits.bytes_a_batch) break;
    batch.push(item);
  }
  return batch;
}

/** What stands for the answer to an item that the server cannot even read. */
function undecodable(item: Item, problem: Halve): Result {
  return {
    id: item.id,
    outcome: "rejected",
    code: problem.status === 413 ? "over_limit" : "undecodable",
    message: "",
    facts: problem.problem,
    receipt: null,
    missing: [],
    rev: null,
    first: null,
  };
}

/** Do with an item what the protocol says for its outcome; false when the answer is not about this item. */
export async function settle(phone: Phone, item: Item, result: Result): Promise<boolean> {
  const rejected = result.outcome === "rejected";
  if (rejected) {
    if (result.id !== null && result.id !== item.id) return false;
  } else if (result.receipt?.id !== item.id || result.receipt.item_sha256 !== (await itemSha256(item))) {
    return false;
  }
  const done: Settled = { item, result: { ...result, missing: result.missing ?? [] }, at: phone.now().toISOString(), sent: [] };
  await phone.store.write([
    { drop: "outbox", key: outboxKey(item) },
    { put: rejected ? "rejected" : "settled", key: outboxKey(item), value: done },
  ]);
  phone.changed("outbox");
  return true;
}
