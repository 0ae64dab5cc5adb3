import { expect, letTicketsHaveReturned, newPerson, read, reloadUntil, signIn, soldOutEvent, test } from "../support.js";

test("a sold-out event has a fair waiting list, and a returned ticket goes to the first in line", async ({ page, open }) => {
  const { event, holder, booking } = await soldOutEvent();
  const ada = await newPerson();
  await signIn(page, ada, `/events/${event.id}`);
  await expect(page.locator(".banner")).toContainText("Sold out");
  await expect(page.getByText("You see your place before you join")).toBeVisible();
  await page.getByRole("button", { name: "Join the waiting list" }).click();
  await expect(page.locator(".place")).toHaveText("Nobody is ahead of you");
  await page.getByRole("button", { name: "Join the waiting list" }).click();
  await expect(page.getByRole("status")).toContainText("You are on the waiting list");
  await expect(page.locator(".place")).toHaveText("You are number 1 in line");

  const second = await open();
  await signIn(second, await newPerson("Alan Turing"), `/events/${event.id}/book`);
  await reloadUntil(second, second.getByText("1 party is ahead of you"));
  await second.getByRole("button", { name: "Join the waiting list" }).click();
  await expect(second.locator(".place")).toHaveText("You are number 2 in line");

  // Both pages are open before the ticket is given back, and nobody reloads them.
  await page.goto("/tickets");
  await second.goto("/queue");
  await expect(second.getByText("You are number 2 in line")).toBeVisible();
  const first = await open();
  await signIn(first, holder, `/tickets/${booking.id}/return`);
  await first.getByRole("button", { name: "Give back 1 ticket" }).click();
  await expect(first.getByRole("status")).toContainText("Given back.");

  await expect(page.locator(".ticket", { hasText: event.name })).toBeVisible();
  await expect(second.getByRole("article").getByText("You are number 1 in line")).toBeVisible();
  expect(await read(event)).toMatchObject({ bookedTickets: 1, availableTickets: 0, waitlistLength: 1 });
});

test("a place is changed and left", async ({ page }) => {
  const { event } = await soldOutEvent({ tickets: 3 });
  const ada = await newPerson();
  await ada.book(event, 3);
  await signIn(page, ada, "/queue");
  await page.getByRole("link", { name: "Change or leave" }).click();
  await page.getByRole("button", { name: "One ticket less" }).click();
  await page.getByRole("button", { name: "Save the new number" }).click();
  await expect(page.getByRole("status")).toContainText("Changed.");
  await expect(page.locator(".ticket")).toContainText("2 tickets");
  await page.getByRole("link", { name: "Change or leave" }).click();
  await page.getByRole("button", { name: "Leave the queue" }).click();
  await expect(page.getByRole("status")).toContainText("You have left the waiting list");
  await expect(page.getByRole("heading", { name: "You are in no queue" })).toBeVisible();
  expect((await read(event)).waitlistLength).toBe(0);
});

test("a place says how good its chance is, and how that was estimated", async ({ page, open }) => {
  const startsAt = new Date(Date.now() + 9.5 * 24 * 60 * 60 * 1000).toISOString();
  const { event } = await soldOutEvent({ tickets: 2, startsAt, endsAt: undefined });
  const [ada, alan] = [await newPerson(), await newPerson("Alan Turing")];
  await alan.book(event);
  const entry = await ada.book(event);
  letTicketsHaveReturned(event);
  const chance = page.getByText(/^Your chance of getting tickets is about \d+ to \d+%\.$/);
  const reason = page.getByText("the 24 tickets that were returned in the last 12 days, the parties ahead of you, and the time that is left (9 days)");
  await signIn(page, ada, `/queue/${entry.id}`);
  await expect(chance).toBeVisible();
  await expect(reason).toBeVisible();
  await page.goto("/queue");
  await expect(chance).toBeVisible();
  // A place at an event without a past says nothing about a chance.
  const { event: other } = await soldOutEvent();
  const second = await open();
  const grace = await newPerson("Emmy Noether");
  await grace.book(other);
  await signIn(second, grace, "/queue");
  await expect(second.getByText("You are number 1 in line")).toBeVisible();
  await expect(second.getByText("chance")).toHaveCount(0);
});

test("a party takes fewer tickets than it asked for", async ({ page }) => {
  const { event, holder, booking } = await soldOutEvent({ tickets: 4 });
  const ada = await newPerson();
  await signIn(page, ada, `/events/${event.id}/book?quantity=4`);
  await page.getByLabel("Would fewer tickets do as well?").selectOption("Yes, 3 tickets or more");
  await page.getByRole("button", { name: "Join the waiting list" }).click();
  await expect(page.locator(".ticket")).toContainText("3 to 4 tickets");

  await page.getByRole("link", { name: "Change or leave" }).click();
  await expect(page.locator("#minQuantity")).toHaveValue("3");
  await page.getByLabel("Would fewer tickets do as well?").selectOption("Yes, 2 tickets or more");
  await page.getByRole("button", { name: "Save the choice" }).click();
  await expect(page.getByRole("status")).toContainText("Changed.");
  await expect(page.locator(".ticket")).toContainText("2 to 4 tickets");
  await expect(page.locator(".place")).toHaveText("You are number 1 in line");

  // One ticket is too few for Ada, and goes to the next party. Her page is open when two more are given back.
  const alan = await newPerson("Alan Turing");
  await alan.book(event);
  await holder.giveBack(booking, 1);
  await expect(async () => expect(await alan.bookings()).toHaveLength(1)).toPass();
  await expect(page.locator(".place")).toHaveText("You are number 1 in line");
  await holder.giveBack(booking, 2);
  await expect(page.locator(".place")).toHaveText("You got 2 of the 4 tickets that you asked for");
  expect(await ada.bookings()).toMatchObject([{ eventId: event.id, quantity: 2 }]);
  expect(await read(event)).toMatchObject({ bookedTickets: 4, availableTickets: 0, waitlistLength: 0 });
});

test("a place that has just become a ticket leads to the ticket", async ({ page }) => {
  const { event, holder, booking } = await soldOutEvent();
  const ada = await newPerson();
  const entry = await ada.book(event);
  await signIn(page, ada, `/queue/${entry.id}`);
  await holder.giveBack(booking);
  await expect(async () => expect(await ada.bookings()).toHaveLength(1)).toPass();
  await page.getByRole("button", { name: "Leave the queue" }).click();
  await expect(page).toHaveURL(/\/tickets\?booked=/);
  await expect(page.locator(".ticket")).toContainText(event.name);
});
