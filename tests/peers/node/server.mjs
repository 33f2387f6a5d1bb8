// Real servers for the tests: `start("EdDSA")` starts one that signs with that algorithm.

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

const stage = mkdtempSync(join(tmpdir(), "peers-"));
const children = new Set();
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
  rmSync(stage, { recursive: true });
});
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
execFileSync(join(PEERS, "stage"), [HALLPASS, stage], { stdio: "pipe", timeout: 2 * DEADLINE });

export const file = (name) => readFileSync(join(stage, name), "utf8");
export const key = (client) => file(`${client}.key`).trim();

/** A running `hallpass serve` on a free port; `signing` is the name of a key of the stage. */
export async function start(signing, settings = {}) {
  const log = openSync(join(stage, "log"), "a");
  const child = spawn(HALLPASS, ["serve", "--bind", "127.0.0.1:0"], {
    cwd: stage,
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

  /** SIGTERM, as an operator would; the exit code, once there is one. */
  const stop = async () => {
    child.kill("SIGTERM");
    const late = setTimeout(() => child.kill("SIGKILL"), DEADLINE);
    const [code] = await end;
    clearTimeout(late);
    if (code !== 0) throw new Error(`the server ended with ${code}`);
  };
  return { url: first[0].slice("listening on ".length), stop };
}

/** Waits for a condition, never for luck. */
export async function eventually(what, condition) {
  const end = Date.now() + DEADLINE;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
