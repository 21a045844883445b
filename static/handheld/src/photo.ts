/** Photos small enough for a bad network: at most 1600 px on the longer side, as JPEG. */
import type { UserPhone } from "../../shared/store/user";
import { keepPhoto } from "../../shared/sync/files";
import type { FileEntry } from "../../shared/sync/wire";

const LONGEST = 1600;
const QUALITIES = [0.8, 0.65, 0.5];
const WANTED_BYTES = 300_000;

/** Keep what the camera gave; on the disk when this returns. `role` says what it shows, such as `door_plate`. */
export async function take(phone: UserPhone, file: Blob, role: string): Promise<FileEntry> {
  const small = await shrunk(file);
  return keepPhoto(phone, new Uint8Array(await small.arrayBuffer()), "image/jpeg", role, true);
}

async function shrunk(file: Blob): Promise<Blob> {
  const picture = await createImageBitmap(file, { imageOrientation: "from-image" });
  const scale = Math.min(1, LONGEST / Math.max(picture.width, picture.height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(picture.width * scale));
  canvas.height = Math.max(1, Math.round(picture.height * scale));
  canvas.getContext("2d")?.drawImage(picture, 0, 0, canvas.width, canvas.height);
  picture.close();
  let best: Blob | null = null;
  for (const quality of QUALITIES) {
    best = await new Promise<Blob | null>((done) => canvas.toBlob(done, "image/jpeg", quality));
    if (best && best.size <= WANTED_BYTES) break;
  }
  if (!best) throw new Error("this picture cannot be written as JPEG");
  return best;
}
