import { expect, newEvent, newPerson, read, reloadUntil, signIn, test } from "../support.js";

const ticketType = (name, totalTickets) => ({ name, totalTickets, price: { amountMinor: 1250, currency: "EUR" } });

/** Creates an event whose stalls and balcony are sold out to one holder. Its gallery has a ticket. */
async function twoSoldOut() {
  const event = await newEvent({ ticketTypes: [ticketType("Stalls", 1), ticketType("Balcony", 1), ticketType("Gallery", 1)] });
  const holder = await newPerson("Grace Hopper");
  const [stalls, balcony] = event.ticketTypes;
  return { event, holder, stalls: await holder.book(event, 1, stalls.id), balcony: await holder.book(event, 1, balcony.id) };
}

/** Joins the waiting lists of the stalls and of the balcony, the balcony first. */
async function joinBoth(page, event) {
  await signIn(page, await newPerson(), `/events/${event.id}/book?type=${event.ticketTypes[1].id}`);
  const others = page.getByRole("group", { name: "Would other tickets do as well?" });
  await reloadUntil(page, others);
  await expect(others).not.toContainText("Gallery");
  await page.getByLabel("Stalls, €12.50: nobody waits").check();
  await page.getByRole("button", { name: "Join the waiting list" }).click();
  await expect(page.getByRole("status")).toContainText("You are on the waiting list");
}

test("somebody who waits for two types gets the first that comes, and leaves the other list", async ({ page }) => {
  const { event, holder, stalls } = await twoSoldOut();
  await joinBoth(page, event);
  const place = page.locator(".ticket");
  await expect(place).toHaveCount(1);
  await expect(place).toContainText("Balcony");
  await expect(place).toContainText("Or Stalls: number 1 in line");
  await holder.giveBack(stalls);
  // The page is not reloaded.
  await expect(page.locator(".place")).toHaveText("You got 1 ticket");
  await expect(place).not.toContainText("Balcony");
  await page.goto("/tickets");
  await expect(page.locator(".ticket", { hasText: event.name })).toContainText("Stalls");
  expect(await read(event)).toMatchObject({ bookedTickets: 2, waitlistLength: 0 });
});

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });

  test("one of the lists is left, and then all of them", async ({ page }) => {
    const { event } = await twoSoldOut();
    await joinBoth(page, event);
    await page.getByRole("link", { name: "Change or leave" }).click();
    await page.getByRole("link", { name: "Or Stalls: number 1 in line" }).click();
    await page.getByRole("button", { name: "Leave only this list" }).click();
    await expect(page.getByRole("status")).toContainText("You no longer wait for Stalls");
    await expect(page.locator(".ticket")).not.toContainText("Stalls");
    expect((await read(event)).waitlistLength).toBe(1);

    const other = await twoSoldOut();
    await page.goto(`/events/${other.event.id}/book?type=${other.event.ticketTypes[0].id}`);
    const balcony = page.getByLabel("Balcony, €12.50: nobody waits");
    await reloadUntil(page, balcony);
    await balcony.check();
    await page.getByRole("button", { name: "Join the waiting list" }).click();
    await page.locator(".ticket", { hasText: other.event.name }).getByRole("link", { name: "Change or leave" }).click();
    await page.getByRole("button", { name: "Leave all lists" }).click();
    await expect(page.getByRole("status")).toContainText("You have left the waiting list");
    expect((await read(other.event)).waitlistLength).toBe(0);
  });
});
