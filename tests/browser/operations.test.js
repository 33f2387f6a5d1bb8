// Once authorized, Execute succeeds for every operation without further input.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Docs, launch } from "./docs.js";
import { serve } from "./service.js";

let browser, service;
before(async () => ([browser, service] = await Promise.all([launch(), serve({ dev: true })])));
after(() => Promise.all([browser?.close(), service?.stop()]));

test("every operation answers 200 to the example of the page, and /verify refuses browsers", async () => {
  const document = await (await fetch(`${service.url}/openapi.json`)).json();
  const operations = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.keys(item).map((method) => ({ method, path })));
  assert.ok(operations.length >= 12, `${operations.length} operations`);
  operations.sort((one, other) => (one.path === "/logout") - (other.path === "/logout")); // last, because it revokes the token

  const docs = await Docs.open(browser, service.url);
  await docs.authorize("apiKey (apiKey)", { "Value:": service.apiKey });
  await docs.authorize("basic (http, Basic)", { "Username:": service.client, "Password:": service.apiKey });
  const login = await docs.execute("POST", "/login");
  await docs.authorize("bearer (http, Bearer)", { "Value:": login.json().access_token });
  const unexpected = [];
  for (const { method, path } of operations) {
    const { status, text } = await docs.execute(method, path);
    const wanted = path === "/verify" ? 403 : 200; // the browser is not a trusted proxy
    if (status !== wanted) unexpected.push(`${method} ${path}: ${status} ${text}`);
    await docs.collapse(method, path); // a page full of answers is slow
  }
  assert.deepEqual(unexpected, []);
  await docs.close();
});

test("a wrong key is refused", async () => {
  const docs = await Docs.open(browser, service.url);
  await docs.authorize("apiKey (apiKey)", { "Value:": `${service.apiKey}x` });
  const answer = await docs.execute("POST", "/login");
  assert.equal(answer.status, 401);
  assert.equal(answer.json().code, "invalid_api_key");
  await docs.close();
});
