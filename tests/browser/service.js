// Starts hallpass, with a roster or with --dev, and a reverse proxy.
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const program = fileURLToPath(new URL("../../target/debug/hallpass", import.meta.url));
const secret = "only-for-tests-only-for-tests-only-for-tests";
const rosterClient = "billing";
export const user = { name: "alice", password: "correct horse battery staple" };

/** Starts hallpass on a free port. Returns `url`, the name and API key of a client, and `stop`. */
export async function serve({ dev = false, settings = {} } = {}) {
  const dir = mkdtempSync(join(tmpdir(), "hallpass-browser-"));
  const env = { PATH: process.env.PATH, HALLPASS_LOG: "warn", HALLPASS_SECRET_KEY: secret, ...settings };
  const run = (command, input) =>
    execFileSync(program, command, { cwd: dir, env, input, encoding: "utf8", stdio: ["pipe", "pipe", "ignore"] });
  let apiKey;
  if (!dev) {
    apiKey = run(["key", "add", rosterClient, "--role", "reader", "--role", "admin"]).trim();
    run(["user", "add", user.name, "--role", "reader"], `${user.password}\n`);
  }
  const command = ["serve", "--bind", "127.0.0.1:0", ...(dev ? ["--dev"] : [])];
  const child = spawn(program, command, { cwd: dir, env, stdio: ["ignore", "pipe", "inherit"] });
  const ended = once(child, "exit");
  let url;
  for await (const line of createInterface({ input: child.stdout })) {
    url ??= /^listening on (http:.*)$/.exec(line)?.[1];
    apiKey ??= /^api key: (hp_.*)$/.exec(line)?.[1];
    if (url && apiKey) break;
  }
  if (!url) throw new Error("hallpass ended before it listened");
  child.stdout.resume(); // so that writing to it never blocks
  const stop = async () => {
    child.kill();
    await ended;
    rmSync(dir, { recursive: true });
  };
  return { url, client: dev ? "demo" : rosterClient, apiKey, stop };
}

/** A reverse proxy that serves hallpass under `prefix` and answers 404 elsewhere. */
export async function proxy(prefix) {
  const outside = [];
  let upstream;
  const server = createServer((incoming, outgoing) => {
    if (!incoming.url.startsWith(`${prefix}/`)) {
      outside.push(`${incoming.method} ${incoming.url}`);
      outgoing.writeHead(404).end();
      return;
    }
    const { method, headers } = incoming;
    const passed = request(new URL(incoming.url.slice(prefix.length), upstream), { method, headers }, (answer) => {
      outgoing.writeHead(answer.statusCode, answer.headers);
      answer.pipe(outgoing);
    });
    passed.on("error", () => outgoing.destroy());
    incoming.pipe(passed);
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  return {
    url: `http://127.0.0.1:${server.address().port}${prefix}`,
    outside,
    passTo: (url) => (upstream = url),
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
