import { expect, newPerson, read, reloadUntil, signIn, soldOutEvent, test } from "../support.js";

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
