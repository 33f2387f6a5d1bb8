// The signing key is rotated as the README says, behind a load balancer, and no request is refused.
//
// A server reads its keys when it starts, so each step puts a new process in the place of an old one. State is
// in memory: the state file belongs to one process at a time.

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
  for (let place = 0; place < PROCESSES; place += 1) balancer.add(await launch(STEPS.before));
  const work = load(balancer.url);
  await work.rounds();
  return {
    work,
    async step(name, processes = PROCESSES) {
      for (let place = 0; place < processes; place += 1) {
        await balancer.replace(place, await launch(STEPS[name]));
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

test("publish, sign, withdraw: nothing is refused", { timeout: 120_000 }, async (context) => {
  pool = await begin("6s");
  const { work } = pool;
  await work.learnt([A]);
  await pool.step("publish");
  await work.learnt([A, B]);
  assert.deepEqual([...work.issued.keys()], [A]);
  await pool.step("sign");
  await work.learnt([B, A]);
  await eventually("the last token of the old key has expired", () => Date.now() > work.issued.get(A));
  await pool.step("withdraw");
  await work.learnt([B]);
  await work.rounds();
  context.diagnostic(`${await pool.end()} rounds`);
  assert.deepEqual(work.faults, []);
  assert.deepEqual([...work.issued.keys()], [A, B]);
});

test("signing with a key that was not published is noticed", { timeout: 120_000 }, async () => {
  pool = await begin("60s");
  await pool.step("sign", 1);
  const { faults } = pool.work;
  await eventually("a server that lacks the key refuses", () => faults.includes(`request: 401 for a token of ${B}`));
  await eventually("a verifier lacks the key", () => faults.includes("jose: ERR_JWKS_NO_MATCHING_KEY"));
});

test("withdrawing a key before its tokens have expired is noticed", { timeout: 120_000 }, async () => {
  pool = await begin("60s");
  await pool.work.learnt([A]);
  for (const step of ["publish", "sign", "withdraw"]) await pool.step(step);
  const { faults } = pool.work;
  await eventually("old tokens are refused", () => faults.includes(`request: 401 for a token of ${A}`));
});
