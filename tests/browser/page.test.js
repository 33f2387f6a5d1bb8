// The page itself: redirection, order of operations, storage, and switching it off.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Docs, launch } from "./docs.js";
import { serve } from "./service.js";

let browser, service;
before(async () => ([browser, service] = await Promise.all([launch(), serve({ dev: true })])));
after(() => Promise.all([browser?.close(), service?.stop()]));

test("the address without a slash redirects to the page", async () => {
  const docs = await Docs.open(browser, service.url, "/docs");
  assert.equal(docs.page.url(), `${service.url}/docs/`);
  assert.equal(await docs.page.title(), "hallpass");
  await docs.close();
});

test("login is the first operation, and the API key the first scheme", async () => {
  const docs = await Docs.open(browser, service.url);
  assert.match(await docs.page.locator(".opblock").first().innerText(), /POST\s+\/login/);
  assert.match(await docs.page.locator(".opblock").last().innerText(), /\/health\/ready/);
  await docs.page.locator(".scheme-container .authorize").click();
  assert.match(await docs.page.locator(".modal-ux h4").first().innerText(), /^apiKey/);
  await docs.close();
});

test("a reload forgets what was authorized", async () => {
  const docs = await Docs.open(browser, service.url);
  await docs.authorize("apiKey (apiKey)", { "Value:": service.apiKey });
  assert.equal((await docs.execute("GET", "/request")).status, 200);
  await docs.page.reload();
  await docs.page.locator(".opblock").first().waitFor();
  assert.equal((await docs.execute("GET", "/request")).status, 401);
  await docs.close();
});

test("HALLPASS_DOCS=off removes the page", async () => {
  const service = await serve({ dev: true, settings: { HALLPASS_DOCS: "off" } });
  try {
    const page = await browser.newPage();
    for (const path of ["/docs", "/docs/", "/docs/index.html"])
      assert.equal((await page.goto(service.url + path)).status(), 404, path);
    assert.equal((await page.goto(`${service.url}/`)).url(), `${service.url}/openapi.json`);
    await page.close();
  } finally {
    await service.stop();
  }
});
