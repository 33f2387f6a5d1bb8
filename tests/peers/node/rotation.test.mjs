// Rotation of the signing key as the manual describes it, behind a load balancer, without a refused request.
//
// A server reads its keys at start, so each step replaces the processes. The state is in memory, because only one
// process can use a state file.

import assert from "node:assert/strict";
import { createPublicKey } from "node:crypto";
import { afterEach, test } from "node:test";
import { calculateJwkThumbprint, exportJWK } from "jose";
import { load } from "./load.mjs";
import { relay } from "./relay.mjs";
import { eventually, file, start } from "./server.mjs";

const PROCESSES = 2;
const kid = async (name) =>
  calculateJwkThumbprint(await exportJWK(createPublicKey(file(`${name}.pem`))));
const [A, B] = [await kid("EdDSA"), await kid("next")];

const STEPS = {
  before: ["EdDSA"],
  publish: ["EdDSA", { HALLPASS_PREVIOUS_SIGNING_KEYS: "next.pem" }],
  sign: ["next", { HALLPASS_PREVIOUS_SIGNING_KEYS: "EdDSA.pem" }],
  withdraw: ["next"],
};

/** A pool of servers in the first step, under load. */
async function begin(lifetime) {
  const balancer = await relay();
  const launch = ([signing, settings]) =>
    start(signing, { HALLPASS_ISSUER: balancer.url, HALLPASS_TOKEN_LIFETIME: lifetime, ...settings });
  for (let index = 0; index < PROCESSES; index += 1) balancer.add(await launch(STEPS.before));
  const work = load(balancer.url);
  await work.rounds();
  return {
    work,
    async step(name, processes = PROCESSES) {
      for (let index = 0; index < processes; index += 1) {
        await balancer.replace(index, await launch(STEPS[name]));
        await work.rounds();
      }
    },
    async end() {
      const rounds = await work.stop();
      await balancer.close();
      return rounds;
    },
  };
}

let pool;
afterEach(() => pool?.end());

test("publish, sign, withdraw: no request is refused", { timeout: 120_000 }, async (context) => {
  pool = await begin("6s");
  const { work } = pool;
  await work.cached([A]);
  await pool.step("publish");
  await work.cached([A, B]);
  assert.deepEqual([...work.issued.keys()], [A]);
  await pool.step("sign");
  await work.cached([B, A]);
  await eventually("the last token of the old key has expired", () => Date.now() > work.issued.get(A));
  await pool.step("withdraw");
  await work.cached([B]);
  await work.rounds();
  context.diagnostic(`${await pool.end()} rounds`);
  assert.deepEqual(work.errors, []);
  assert.deepEqual([...work.issued.keys()], [A, B]);
});

test("tokens of a key that was not published are refused", { timeout: 120_000 }, async () => {
  pool = await begin("60s");
  await pool.step("sign", 1);
  const { errors } = pool.work;
  await eventually("a server without the key refuses", () => errors.includes(`request: 401 for a token of ${B}`));
  await eventually("a verifier does not find the key", () => errors.includes("jose: ERR_JWKS_NO_MATCHING_KEY"));
});

test("tokens of a withdrawn key are refused", { timeout: 120_000 }, async () => {
  pool = await begin("60s");
  await pool.work.cached([A]);
  for (const step of ["publish", "sign", "withdraw"]) await pool.step(step);
  const { errors } = pool.work;
  await eventually("old tokens are refused", () => errors.includes(`request: 401 for a token of ${A}`));
});
