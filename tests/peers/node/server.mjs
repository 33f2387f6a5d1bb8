// Starts servers: `start("EdDSA")` starts one that signs with that algorithm.

import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, openSync, closeSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const PEERS = fileURLToPath(new URL("..", import.meta.url));
const HALLPASS = join(PEERS, "../../target/debug/hallpass");
const DEADLINE = 30_000;

const folder = mkdtempSync(join(tmpdir(), "peers-"));
const children = new Set();
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(folder, { recursive: true });
});
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
execFileSync(join(PEERS, "setup"), [HALLPASS, folder], { stdio: "pipe", timeout: 2 * DEADLINE });

export const file = (name) => readFileSync(join(folder, name), "utf8");
export const key = (client) => file(`${client}.key`).trim();

/** Starts `hallpass serve` on a free port; `signing` is the name of a key that `setup` made. */
export async function start(signing, settings = {}) {
  const log = openSync(join(folder, "log"), "a");
  const child = spawn(HALLPASS, ["serve", "--bind", "127.0.0.1:0"], {
    cwd: folder,
    env: { HALLPASS_STATE: "memory", HALLPASS_SIGNING_KEY: `${signing}.pem`, ...settings },
    stdio: ["ignore", "pipe", log],
  });
  closeSync(log);
  children.add(child);
  const end = once(child, "exit").finally(() => children.delete(child));
  const first = await Promise.race([
    once(createInterface(child.stdout), "line", { signal: AbortSignal.timeout(DEADLINE) }),
    end.then(() => [file("log").slice(-2000)]),
  ]).catch((error) => [String(error)]);
  if (!first[0].startsWith("listening on ")) {
    child.kill("SIGKILL");
    throw new Error(`the server did not start: ${first[0]}`);
  }

  /** Stops the server with SIGTERM and checks the exit code. */
  const stop = async () => {
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), DEADLINE);
    const [code] = await end;
    clearTimeout(late);
    if (code !== 0) throw new Error(`the server ended with ${code}`);
  };
  return { url: first[0].slice("listening on ".length), stop };
}

/** Waits until a condition holds. */
export async function eventually(what, condition) {
  const end = Date.now() + DEADLINE;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`timed out: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
