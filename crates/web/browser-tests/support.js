// What every story uses: browsers that watch for errors, and the steps that many stories begin with.
import { expect, test as base } from "@playwright/test";
import { PASSWORD } from "./api.js";

export { expect };
export * from "./api.js";

/** Pages report violations of the Content-Security-Policy here. */
const reportViolations = () =>
  addEventListener("securitypolicyviolation", (event) =>
    console.error(`CSP: ${event.violatedDirective} blocked ${event.blockedURI} on ${location.href} ${event.sample}`));

/** Collects script errors and everything that the Content-Security-Policy has blocked. */
async function watch(context, problems) {
  await context.addInitScript(reportViolations);
  context.on("weberror", (error) => problems.push(String(error.error())));
  context.on("console", (message) => {
    // Pages of errors are part of the stories; their status is written to the console as well.
    const isStatus = message.text().startsWith("Failed to load resource");
    if (message.type() === "error" && !isStatus) problems.push(message.text());
  });
}

export const test = base.extend({
  problems: async ({}, use) => {
    const problems = [];
    await use(problems);
    expect(problems, "errors in the console of a browser").toEqual([]);
  },
  context: async ({ context, problems }, use) => {
    await watch(context, problems);
    await use(context);
  },
  /** Opens a further browser, with cookies of its own. */
  open: async ({ browser, problems, baseURL, locale, timezoneId, viewport }, use) => {
    const contexts = [];
    await use(async (options = {}) => {
      const context = await browser.newContext({ baseURL, locale, timezoneId, viewport, ...options });
      contexts.push(context);
      await watch(context, problems);
      return context.newPage();
    });
    for (const context of contexts) await context.close();
  },
});

/** Signs in on the page that asks for it. */
export async function fillSignIn(page, { email, password }) {
  await page.locator("#email").fill(email);
  await page.locator("#password").fill(password);
  await page.locator("main form[action='/signin'] button").click();
}

/** Signs in and goes to a page. */
export async function signIn(page, account, next = "/tickets") {
  await page.goto(`/signin?next=${encodeURIComponent(next)}`);
  await fillSignIn(page, account);
  await page.waitForURL((url) => url.pathname !== "/signin");
}

/** Fills in the form of a new account and sends it. */
export async function fillSignUp(page, name) {
  const username = `${name.split(" ")[0].toLowerCase()}${Math.random().toString(36).slice(2, 10)}`;
  const email = `${username}@example.org`;
  await page.locator("#name").fill(name);
  await page.locator("#username").fill(username);
  await page.locator("#email").fill(email);
  await page.locator("#password").fill(PASSWORD);
  await page.locator("main form[action='/signup'] button").click();
  return { name, username, email, password: PASSWORD };
}

/** Reloads a page until it shows something, because public data may be a moment old. */
export async function reloadUntil(page, locator) {
  await expect(async () => {
    await page.reload();
    await expect(locator).toBeVisible({ timeout: 500 });
  }).toPass();
}

/** Opens the newest e-mail to an address with this text in its subject, once it was sent, and follows its link. */
export async function followMail(page, email, subject, link) {
  await page.goto("/dev/mail");
  const mail = page.getByRole("row", { name: email }).getByRole("link", { name: subject }).first();
  await reloadUntil(page, mail);
  await mail.click();
  await page.locator(`.mail-text a[href*="${link}"]`).click();
}
