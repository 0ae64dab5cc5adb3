import { expect, fillSignUp, newEvent, newPerson, organizer, read, signIn, soldOutEvent, test, unique } from "../support.js";

test.use({ javaScriptEnabled: false });

test("without JavaScript a buyer finds an event, signs up, books and gives back", async ({ page }) => {
  const event = await newEvent();
  await page.goto("/");
  await page.getByRole("searchbox").fill(event.name);
  await page.getByRole("button", { name: "Search" }).click();
  await page.getByRole("link", { name: event.name }).click();
  await page.getByLabel("How many tickets?").fill("2");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("link", { name: "Create an account" }).click();
  await fillSignUp(page, "Ada Lovelace");
  await expect(page.locator(".summary .total")).toContainText("€25.00");
  // A second click before the answer is there sends the same form again.
  await page.getByRole("button", { name: "Book 2 tickets" }).dblclick();
  await expect(page.getByRole("status")).toContainText("Booked: 2 tickets");
  await page.reload();
  expect((await read(event)).bookedTickets).toBe(2);

  await page.getByRole("link", { name: "Give tickets back" }).click();
  await page.getByLabel("How many tickets do you give back?").fill("1");
  await page.getByRole("button", { name: "Give tickets back" }).click();
  await expect(page.getByRole("status")).toContainText("Given back.");
  expect((await read(event)).bookedTickets).toBe(1);
});

test("without JavaScript a buyer joins a waiting list and leaves it", async ({ page }) => {
  const { event } = await soldOutEvent();
  await signIn(page, await newPerson(), `/events/${event.id}`);
  await page.getByRole("button", { name: "Join the waiting list" }).click();
  await expect(page.locator(".place")).toHaveText("Nobody is ahead of you");
  await page.getByRole("button", { name: "Join the waiting list" }).click();
  await expect(page.locator(".place")).toHaveText("You are number 1 in line");
  await page.getByRole("link", { name: "Change or leave" }).click();
  await page.getByRole("button", { name: "Leave the queue" }).click();
  await expect(page.getByRole("status")).toContainText("You have left the waiting list");
  await page.getByRole("link", { name: "Account" }).click();
  await page.getByRole("button", { name: "Sign out", exact: true }).click();
  await expect(page.getByRole("link", { name: "Sign in" })).toBeVisible();
});

test("without JavaScript an organizer creates and publishes an event", async ({ page }) => {
  const name = unique("Lantern Parade");
  await signIn(page, organizer, "/desk/events/new");
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Starts").fill("2099-07-10T18:00");
  await page.getByLabel("Name 1").fill("Admission");
  await page.getByLabel("Tickets 1").fill("30");
  await page.getByRole("button", { name: "Create and publish" }).click();
  await expect(page.getByRole("status")).toHaveText("The event has been created.");
  await page.getByRole("link", { name: "View the public page" }).click();
  await expect(page.getByText("30 left")).toBeVisible();
  await expect(page.getByText("Free").first()).toBeVisible();
});

test("the total of a booking is not shown before the script can keep it right", async ({ page }) => {
  const event = await newEvent();
  await page.goto(`/events/${event.id}`);
  await expect(page.locator("[data-sum]")).toBeHidden();
});
