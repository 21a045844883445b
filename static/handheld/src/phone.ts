/** The phone of whoever uses the app now: signing in, unlocking, syncing, and what the header shows of it. */
import { reactive, shallowRef } from "vue";
import { type Account, Device } from "../../shared/store/device";
import { APP_BUILD, channelOf, openPhone, type StorageStand, storageStand, type UserPhone } from "../../shared/store/user";
import { fetchExportKey } from "../../shared/sync/export";
import { limitsOfPhone, type Near } from "../../shared/sync/limits";
import { MemoryStore } from "../../shared/sync/memory";
import { fetchReference } from "../../shared/sync/reference";
import { overNetwork, Paused, Server } from "../../shared/sync/server";
import { Shut } from "../../shared/sync/store";
import { Scheduler, type State, sync } from "../../shared/sync/sync";
import type { Session } from "../../shared/sync/wire";
import { askForBackgroundSync } from "./background";
import { go } from "./route";

export type Stage = "starting" | "sign_in" | "pin" | "new_pin" | "open";

export const app = reactive({
  stage: "starting" as Stage,
  accounts: [] as Account[],
  /** Whose turn it is: being unlocked, or at work. */
  account: null as Account | null,
  unsent: 0,
  lastNo: 0,
  syncedAt: null as string | null,
  sync: { running: false, trouble: null, nextAt: null, doneAt: null } as State,
  storage: { persisted: true, used: 0, quota: 0 } as StorageStand,
  near: [] as Near[],
  loss: false,
  /** Raised with each change of the documents or the outbox, so that screens look again. */
  version: 0,
  fault: "",
});

export const phone = shallowRef<UserPhone | null>(null);
let device: Device;
let scheduler: Scheduler | null = null;
let channel: BroadcastChannel | null = null;

/** The open phone; screens are shown only while there is one. */
export function here(): UserPhone {
  if (!phone.value) throw new Error("no phone is open");
  return phone.value;
}

export async function start(): Promise<void> {
  device = await Device.open(localStorage);
  app.loss = device.loss !== null;
  await listAccounts();
  const last = app.accounts.find((one) => one.user_id === localStorage.getItem("gridwatch.last")) ?? app.accounts[0];
  if (last) await choose(last);
  else app.stage = "sign_in";
  for (const event of ["online", "focus"]) addEventListener(event, () => void scheduler?.kick());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") void scheduler?.kick();
  });
}

async function listAccounts(): Promise<void> {
  app.accounts = await device.accounts();
}

/** Somebody who has used this phone before takes it. What waits is sent even before the PIN. */
export async function choose(account: Account): Promise<void> {
  close();
  app.account = account;
  await open(account);
  app.stage = account.lock ? "pin" : "sign_in";
  startSyncing();
}

/** Somebody else is going to sign in. */
export function anotherPerson(): void {
  close();
  app.account = null;
  app.stage = "sign_in";
}

/** Sign in with a password. Raises Paused; whatever comes of it, nothing on the phone is touched. */
export async function signIn(username: string, password: string): Promise<void> {
  const asking = new Server(new MemoryStore(), overNetwork, () => new Date(), device.id);
  const said = { id: device.id, name: deviceName(), platform: "web", app_build: APP_BUILD };
  const session = await asking.ask<Session>("POST", "/auth/sign-in", { username, password, device: said }, false);
  const area = typeof session.user.area?.name === "string" ? session.user.area.name : "";
  const account = await device.remember({
    user_id: session.user.id,
    username,
    name: session.user.name,
    area,
    refresh_expires_at: session.refresh_expires_at,
  });
  const again = phone.value?.user === account.user_id && app.stage === "open";
  if (!again) {
    close();
    await open(account);
  }
  await here().store.write([
    { put: "meta", key: "session", value: session },
    { put: "meta", key: "user_id", value: account.user_id },
  ]);
  app.account = account;
  await listAccounts();
  if (again) return void scheduler?.kick();
  app.stage = account.lock ? "pin" : "new_pin";
  startSyncing();
}

/** Choose a PIN: the documents begin anew behind it, and are fetched again. */
export async function choosePin(pin: string): Promise<void> {
  const key = await device.setPin(here().user, pin);
  const { store } = here();
  store.vaultKey = key;
  await store.dropVault();
  go("today");
  await enter();
}

/** Unlock with a PIN, with or without a network; returns how many tries are left when it is wrong. */
export async function tryPin(pin: string): Promise<number | null> {
  const tried = await device.tryPin(here().user, pin);
  if ("key" in tried) {
    here().store.vaultKey = tried.key;
    await enter();
    return null;
  }
  if (!tried.left) {
    await listAccounts();
    app.account = app.accounts.find((one) => one.user_id === here().user) ?? null;
    app.stage = "sign_in";
  }
  return tried.left;
}

async function enter(): Promise<void> {
  app.stage = "open";
  localStorage.setItem("gridwatch.last", here().user);
  await look();
  void scheduler?.kick();
}

/** Shut what the PIN protects; sending goes on. */
export function lockUp(): void {
  if (phone.value) phone.value.store.vaultKey = null;
  app.stage = "pin";
}

/** Sign out: the server forgets this sign-in, the phone forgets the documents. What is unsent stays for the next sign-in. */
export async function signOut(): Promise<void> {
  const { server, store } = here();
  try {
    await server.exchange("POST", "/api/v1/auth/sign-out", {}, null, { fresh: true, takes: [204, 401] });
  } catch (problem) {
    if (!(problem instanceof Paused)) throw problem; // without a network the sign-in ends by itself
  }
  await store.write([{ drop: "meta", key: "session" }]);
  await store.dropVault();
  lockUp();
  await look();
}

async function open(account: Account): Promise<void> {
  const opened = await openPhone(device, account, told, localStorage);
  phone.value = opened;
  channel = new BroadcastChannel(channelOf(account.user_id));
  channel.onmessage = () => void look();
  await look();
}

function close(): void {
  scheduler?.stop();
  scheduler = null;
  channel?.close();
  channel = null;
  phone.value?.store.close();
  phone.value = null;
}

/** Something changed here: tell the other pages, and see that it is sent. */
function told(what: "outbox" | "docs" | "session"): void {
  channel?.postMessage(what);
  void look();
}

/** What the header and the warnings say, from the store as it is now. */
export async function look(): Promise<void> {
  const one = phone.value;
  if (!one) return;
  const [outbox, numbers] = [await one.store.marks("outbox"), await one.store.marks("meta", "last_no")];
  app.unsent = outbox.size;
  app.lastNo = numbers.get("last_no") ?? 0;
  app.syncedAt = (await one.store.get<string>("meta", "synced_at")) ?? null;
  app.storage = await storageStand();
  app.near = limitsOfPhone(app.unsent, app.storage.used, app.storage.quota);
  app.version++;
  if (app.lastNo) one.numbered(app.lastNo);
}

function startSyncing(): void {
  const one = here();
  scheduler?.stop();
  scheduler = new Scheduler(
    () => run(one),
    one.now,
    (state) => {
      app.sync = state;
    },
  );
  void scheduler.kick();
}

async function run(one: UserPhone): Promise<void> {
  const locked = one.store.vaultKey === null;
  try {
    await sync(one, locked ? "send" : "all", one.user);
  } catch (problem) {
    // Locked in the middle of a pull: the outbox was sent before it, the rest is fetched after the next PIN.
    if (!(problem instanceof Shut)) throw problem;
  }
  if (one.store.vaultKey !== null) {
    await fetchReference(one);
    await fetchExportKey(one);
    if (device.loss) await device.forgetLoss();
  }
  await look();
}

/** Sync at once: somebody pressed the button, or queued something. */
export function syncNow(): void {
  void scheduler?.kick();
}

/** After something was queued: the storage is asked to stay, the browser to send later by itself, and the sync begins. */
export async function queued(): Promise<void> {
  if (!app.storage.persisted && navigator.storage?.persist) await navigator.storage.persist();
  await askForBackgroundSync();
  await look();
  syncNow();
}

function deviceName(): string {
  const model = /\(([^)]+)\)/.exec(navigator.userAgent)?.[1]?.split(";").pop()?.trim();
  return (model ?? navigator.platform ?? "web").slice(0, 60);
}
