// Constant load: workers that log in, present their tokens, and verify them by a JWK Set that they keep.

import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from "jose";
import { eventually, key } from "./server.mjs";

/** How long a worker keeps a token, at most, in milliseconds. */
const HOLDS = [0, 1000, Infinity, Infinity];
/** No token is presented so shortly before its end, in milliseconds. */
const MARGIN = 1000;

export function load(issuer) {
  const faults = [];
  const issued = new Map(); // kid -> when the last of its tokens ends
  let stopped = false;
  const fault = (what) => void faults.push(what);

  const workers = HOLDS.map((hold) => {
    // The hardest sort of verifier: an unknown kid does not make it look for new keys.
    const keys = createRemoteJWKSet(new URL(`${issuer}/.well-known/jwks.json`), {
      cacheMaxAge: 1000,
      cooldownDuration: Infinity,
    });
    const worker = { keys, rounds: 0 };

    async function login() {
      const headers = { "X-API-Key": key("billing") };
      const answer = await fetch(`${issuer}/login`, { method: "POST", headers });
      if (answer.status !== 200) return fault(`login: ${answer.status}`);
      const text = (await answer.json()).access_token;
      const [{ kid }, end] = [decodeProtectedHeader(text), decodeJwt(text).exp * 1000];
      issued.set(kid, Math.max(issued.get(kid) ?? 0, end));
      return { text, kid, end, until: Math.min(Date.now() + hold, end - MARGIN) };
    }

    async function present(token) {
      const headers = { Authorization: `Bearer ${token.text}` };
      const { status } = await fetch(`${issuer}/request`, { headers });
      const late = () => Date.now() >= token.end;
      if (status !== 200 && !late()) fault(`request: ${status} for a token of ${token.kid}`);
      const expected = { issuer, audience: issuer, typ: "at+jwt", algorithms: ["EdDSA"] };
      await jwtVerify(token.text, keys, expected).catch((error) => late() || fault(`jose: ${error.code}`));
    }

    worker.done = (async () => {
      let token;
      while (!stopped) {
        try {
          if (!token || Date.now() >= token.until) token = await login();
          if (token) await present(token);
        } catch (error) {
          fault(`${error} ${error.cause ?? ""}`);
        }
        worker.rounds += 1;
      }
    })();
    return worker;
  });

  return {
    faults,
    issued,

    /** Until every worker has done a few rounds more. */
    async rounds() {
      const before = workers.map((worker) => worker.rounds);
      await eventually("the load goes on", () =>
        workers.every((worker, index) => worker.rounds >= before[index] + 5),
      );
    },

    /** Until every verifier's copy of the JWK Set is exactly this. */
    learnt: (kids) =>
      eventually("every verifier has learnt the keys", () =>
        workers.every(({ keys }) => String(keys.jwks()?.keys.map(({ kid }) => kid)) === String(kids)),
      ),

    async stop() {
      stopped = true;
      await Promise.all(workers.map((worker) => worker.done));
      return workers.reduce((sum, worker) => sum + worker.rounds, 0);
    },
  };
}
