import { createServer } from "node:http";
import { expect, newEvent, newPerson, site, test } from "../support.js";

/** Serves a page of another site, from an origin of its own. */
async function otherSite(event) {
  const html = `<!doctype html><html lang="en"><title>A blog</title><h1>A blog</h1><script src="${site}/embed.js" data-event="${event.id}"></script>`;
  const server = createServer((_, response) => response.setHeader("content-type", "text/html; charset=utf-8").end(html));
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  return { url: `http://127.0.0.1:${server.address().port}/`, close: () => new Promise((closed) => server.close(closed)) };
}

test("another site shows an event with live availability, and its button leads here", async ({ page, context }) => {
  const event = await newEvent({ name: "Harbor Concert", tickets: 2 });
  const blog = await otherSite(event);
  await page.goto(blog.url);
  const box = page.frameLocator("iframe");
  await expect(box.getByRole("heading", { name: "Harbor Concert" })).toBeVisible();
  await expect(box.locator("#state")).toHaveText("2 left");
  // The frame is as high as its content, so that nothing is cut off and nothing scrolls.
  const needed = await box.locator("body").evaluate((body) => body.scrollHeight);
  await expect.poll(async () => (await page.locator("iframe").boundingBox()).height).toBeGreaterThanOrEqual(needed);

  const ada = await newPerson();
  await ada.book(event, 2);
  await expect(box.locator("#state")).toContainText("Sold out");
  await expect(box.getByRole("link", { name: /Join the waiting list/ })).toBeVisible();

  const [opened] = await Promise.all([context.waitForEvent("page"), box.getByRole("link").click()]);
  await expect(opened.getByRole("heading", { name: "Harbor Concert" })).toBeVisible();
  expect(new URL(opened.url()).pathname).toBe(`/events/${event.id}`);
  await page.close();
  await blog.close();
});
