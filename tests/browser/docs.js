// Drives Swagger UI in Chromium and records errors of the page.
import assert from "node:assert/strict";
import { chromium } from "playwright-core";

const flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"];

/** Starts a browser. */
export const launch = () =>
  chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: flags });

export class Docs {
  /** Every request of the page, as `METHOD URL`. */
  requests = [];
  #errors = [];

  /** Opens `path` below `url` in a new browser context, and waits for the operations. */
  static async open(browser, url, path = "/docs/") {
    const docs = new Docs();
    docs.context = await browser.newContext({ viewport: { width: 1300, height: 1000 } });
    docs.page = await docs.context.newPage();
    docs.page.setDefaultTimeout(20_000);
    docs.#watch(new URL(url).origin);
    await docs.page.goto(url + path);
    await docs.page.locator(".opblock").first().waitFor();
    return docs;
  }

  #watch(origin) {
    this.page.on("pageerror", (error) => this.#errors.push(`page error: ${error}`));
    this.page.on("console", (message) => {
      const expected = /^Failed to load resource: .* status of 4\d\d /.test(message.text());
      const severe = ["error", "warning"].includes(message.type());
      if (severe && !expected) this.#errors.push(`console: ${message.text()}`);
    });
    this.page.on("request", (request) => {
      const { protocol, origin: host } = new URL(request.url());
      if (!["data:", "blob:"].includes(protocol) && host !== origin)
        this.#errors.push(`request to another host: ${request.url()}`);
      this.requests.push(`${request.method()} ${request.url()}`);
    });
    this.page.on("response", (response) => {
      if (response.status() >= 500) this.#errors.push(`${response.status()} ${response.url()}`);
    });
  }

  /** Fills in the section of the Authorize dialog with this heading. `fields` maps labels to values. */
  async authorize(heading, fields) {
    await this.page.locator(".scheme-container .authorize").click();
    const dialog = this.page.locator(".modal-ux");
    const part = dialog.locator(".auth-container").filter({ has: this.page.getByRole("heading", { name: heading }) });
    for (const [label, text] of Object.entries(fields)) {
      const row = part.locator(".wrapper").filter({ has: this.page.getByText(label, { exact: true }) }).last();
      await row.locator("input").fill(text);
    }
    await part.getByRole("button", { name: /^Apply/ }).click();
    const outcome = part.getByRole("button", { name: "Remove authorization" }).or(part.locator(".errors"));
    await outcome.first().waitFor();
    assert.equal(await part.locator(".errors").count(), 0, await part.innerText());
    await dialog.locator(".close-modal").click();
    await dialog.waitFor({ state: "detached" });
  }

  #box(method, path) {
    const summary = this.page.locator(`.opblock-summary-path[data-path="${path}"]`);
    return this.page.locator(`.opblock-${method.toLowerCase()}`).filter({ has: summary });
  }

  /** Collapses an operation. */
  async collapse(method, path) {
    const box = this.#box(method, path);
    await box.locator(".opblock-summary-control").click();
    await box.locator("button.execute").waitFor({ state: "detached" });
  }

  /** Expands an operation and returns its box. */
  async expand(method, path) {
    const box = this.#box(method, path);
    const execute = box.locator("button.execute");
    if ((await execute.count()) === 0) await box.locator(".opblock-summary-control").click();
    await execute.waitFor();
    return box;
  }

  /** Presses Execute, with `body` as JSON if given. Returns the status and the body that the page shows. */
  async execute(method, path, body) {
    const box = await this.expand(method, path);
    const shown = box.locator(".live-responses-table");
    if ((await shown.count()) > 0) {
      await box.locator("button.btn-clear").click();
      await shown.waitFor({ state: "detached" });
    }
    if (body !== undefined) await box.locator("textarea.body-param__text").fill(JSON.stringify(body));
    await box.locator("button.execute").click();
    const status = shown.locator("tbody .response-col_status").first();
    await status.waitFor();
    const [text = ""] = await shown.locator("tbody .highlight-code code").allTextContents();
    return { status: parseInt(await status.innerText(), 10), text, json: () => JSON.parse(text) };
  }

  /** Asserts that there were no errors and that the page stored nothing, and closes it. */
  async close() {
    const kept = await this.page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
    assert.equal(kept, "[{},{}]");
    assert.deepEqual(this.#errors, []);
    await this.context.close();
  }
}
