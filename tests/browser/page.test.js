// What the page shows before anything is pressed, what it keeps, and that it can be switched off.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Docs, launch } from "./docs.js";
import { serve } from "./service.js";

let browser, service;
before(async () => ([browser, service] = await Promise.all([launch(), serve({ dev: true })])));
after(() => Promise.all([browser?.close(), service?.stop()]));

test("the address without a slash leads to the page", async () => {
  const docs = await Docs.open(browser, service.url, "/docs");
  assert.equal(docs.page.url(), `${service.url}/docs/`);
  assert.equal(await docs.page.title(), "hallpass");
  await docs.close();
});

test("the login comes first, and the API key is the first to be asked for", async () => {
  const docs = await Docs.open(browser, service.url);
  assert.match(await docs.page.locator(".opblock").first().innerText(), /POST\s+\/login/);
  assert.match(await docs.page.locator(".opblock").last().innerText(), /\/docs\//);
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

test("switched off, there is no page", async () => {
  const silent = await serve({ dev: true, settings: { HALLPASS_DOCS: "off" } });
  try {
    const page = await browser.newPage();
    for (const path of ["/docs", "/docs/", "/docs/index.html"])
      assert.equal((await page.goto(silent.url + path)).status(), 404, path);
    assert.equal((await page.goto(`${silent.url}/`)).url(), `${silent.url}/openapi.json`);
    await page.close();
  } finally {
    await silent.stop();
  }
});
