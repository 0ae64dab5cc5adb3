import { expect, newEvent, newPerson, signIn, test, ticketType } from "../support.js";

/** Moves the focus with Tab until it reaches an element, and checks that each stop on the way shows it. */
async function tabTo(page, target, key = "Tab") {
  for (let stops = 0; stops < 60; stops += 1) {
    await page.keyboard.press(key);
    const stop = await page.evaluate(() => {
      const element = document.activeElement;
      const shows = (style) => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
      const boxes = [element, element.closest(".type")].filter(Boolean);
      const isShown = boxes.some((box) => shows(getComputedStyle(box)) || shows(getComputedStyle(box, "::after")));
      const { top, bottom } = element.getBoundingClientRect();
      return { isShown, isInView: bottom > 0 && top < innerHeight, html: element.outerHTML.slice(0, 200) };
    });
    expect(stop, stop.html).toMatchObject({ isShown: true, isInView: true });
    if (await target.evaluate((element) => element === document.activeElement)) return;
  }
  throw new Error(`Tab does not reach ${target}.`);
}

test("the first stop is a link that skips to the content", async ({ page }) => {
  await page.goto("/help");
  const skip = page.getByRole("link", { name: "Skip to content" });
  await tabTo(page, skip);
  await expect(skip).toBeInViewport();
  await page.keyboard.press("Enter");
  await expect(page.locator("#main")).toBeFocused();
});

test("a ticket is booked and given back by keyboard alone", async ({ page }) => {
  const event = await newEvent({ ticketTypes: [ticketType("Stalls", 9, 1250), ticketType("Gallery", 9, 900)] });
  await signIn(page, await newPerson(), "/");
  await tabTo(page, page.getByRole("searchbox"));
  await page.keyboard.type(event.name);
  await page.keyboard.press("Enter");
  await expect(page.locator(".card")).toHaveCount(1);
  await tabTo(page, page.getByRole("link", { name: event.name }));
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(new RegExp(event.id));

  await tabTo(page, page.getByRole("radio", { name: /Stalls/ }));
  await page.keyboard.press("ArrowDown");
  await expect(page.getByRole("radio", { name: /Gallery/ })).toBeChecked();
  await tabTo(page, page.getByRole("button", { name: "One ticket more" }));
  await page.keyboard.press("Space");
  await expect(page.getByLabel("How many tickets?")).toHaveValue("2");
  await expect(page.locator("[data-sum]")).toHaveText("€18.00");
  await tabTo(page, page.getByRole("button", { name: "Book 2 tickets" }));
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Check and book" })).toBeVisible();
  await tabTo(page, page.getByRole("button", { name: "Book 2 tickets" }));
  await page.keyboard.press("Enter");
  // The sentence about what happened has the focus, so that it is read.
  await expect(page.getByRole("status")).toBeFocused();

  await tabTo(page, page.getByRole("link", { name: "Give tickets back" }));
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { name: "Give tickets back" })).toBeVisible();
  await tabTo(page, page.getByRole("button", { name: "Give back 2 tickets" }));
  await page.keyboard.press("Enter");
  await expect(page.getByRole("status")).toContainText("Given back.");
  await expect(page.getByRole("status")).toBeFocused();

  const history = page.locator("summary");
  await tabTo(page, history);
  await page.keyboard.press("Enter");
  await expect(page.locator("details .card")).toBeVisible();
  await page.keyboard.press("Space");
  await expect(page.locator("details .card")).toBeHidden();
});

test("a filter keeps the focus, and says how many events it has found", async ({ page }) => {
  const event = await newEvent();
  await page.goto(`/?q=${event.name}`);
  const found = page.getByRole("status");
  await expect(found).toHaveText("One event");
  const region = await found.elementHandle();
  await tabTo(page, page.getByRole("link", { name: "Past" }));
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/when=past/);
  await expect(page.getByRole("heading", { name: "No event matches" })).toBeVisible();
  await expect(page.getByRole("link", { name: "Past" })).toBeFocused();
  // The region is the same, so that screen readers read its new text.
  expect(await region.textContent()).toBe("0 events");
  expect(await region.evaluate((element) => element.isConnected)).toBe(true);
});

test("a number that is typed stays within the limits", async ({ page }) => {
  const event = await newEvent({ ticketTypes: [ticketType("Stalls", 9, 1250, { maxPerBooking: 4 })] });
  await page.goto(`/events/${event.id}`);
  const quantity = page.getByLabel("How many tickets?");
  await quantity.fill("7");
  await expect(quantity).toHaveValue("4");
  await expect(page.getByRole("button", { name: "One ticket more" })).toBeDisabled();
});
