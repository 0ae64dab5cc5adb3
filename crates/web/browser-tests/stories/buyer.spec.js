import { expect, fillSignUp, newEvent, read, test } from "../support.js";

test("a buyer finds an event, signs up on the way, gets tickets and gives one back", async ({ page }) => {
  const event = await newEvent();
  await page.goto("/");
  await page.getByRole("searchbox", { name: "Search events" }).fill(event.name);
  await page.getByRole("button", { name: "Search" }).click();
  await expect(page.locator(".card")).toHaveCount(1);
  await page.getByRole("link", { name: event.name }).click();

  await expect(page.getByRole("heading", { level: 1, name: event.name })).toBeVisible();
  await expect(page.locator(".facts")).toContainText("Friday, 10 July 2099");
  await page.getByRole("button", { name: "One ticket more" }).click();
  await expect(page.locator("[data-sum]")).toHaveText("€25.00");
  await page.getByRole("button", { name: "Book 2 tickets" }).click();

  await expect(page.getByText("What you chose is kept.")).toBeVisible();
  await page.getByRole("link", { name: "Create an account" }).click();
  await fillSignUp(page, "Ada Lovelace");

  await expect(page.getByRole("heading", { name: "Check and book" })).toBeVisible();
  await expect(page.locator(".summary .total")).toContainText("€25.00");
  await page.getByRole("button", { name: "Book 2 tickets" }).click();
  await expect(page.getByRole("status")).toHaveText(`Booked: 2 tickets for ${event.name}. They are yours.`);
  expect((await read(event)).bookedTickets).toBe(2);

  await page.getByRole("link", { name: "Give tickets back" }).click();
  await page.getByRole("button", { name: "One ticket less" }).click();
  await page.getByRole("button", { name: "Give back 1 ticket" }).click();
  await expect(page.getByRole("status")).toContainText("Given back.");
  await expect(page.locator(".ticket")).toContainText("1 ticket · Stalls");
  expect((await read(event)).bookedTickets).toBe(1);
});

test("a filter and a search are addresses that the back button returns to", async ({ page }) => {
  const event = await newEvent();
  await page.goto("/");
  await page.getByRole("searchbox").fill(event.name);
  await page.getByRole("searchbox").press("Enter");
  await expect(page).toHaveURL(/[?&]q=/);
  await expect(page.locator(".card")).toHaveCount(1);
  await page.getByRole("searchbox").fill(`${event.name} nothing`);
  await page.getByRole("searchbox").press("Enter");
  await expect(page.getByRole("heading", { name: "No event matches" })).toBeVisible();
  await page.goBack();
  await expect(page.getByRole("link", { name: event.name })).toBeVisible();
  await expect(page.getByRole("searchbox")).toHaveValue(event.name);
});

test("the form of a new account names every wrong field and keeps the others", async ({ page }) => {
  await page.goto("/signup");
  await page.locator("#name").fill("Ada");
  await page.locator("#email").fill("nobody");
  await page.locator("#password").fill("short");
  await page.getByRole("button", { name: "Create an account" }).click();
  const summary = page.getByRole("alert");
  await expect(summary).toBeFocused();
  await summary.getByRole("link", { name: "Choose a username." }).click();
  await expect(page.locator("#username")).toBeFocused();
  await expect(page.locator("#name")).toHaveValue("Ada");
  await page.locator("#username").fill("ada b");
  await page.locator("#password").fill("short");
  await page.getByRole("button", { name: "Create an account" }).click();
  await expect(page.getByRole("alert")).toContainText("Enter an e-mail address such as ada@example.org.");
  await expect(page.getByRole("alert")).toContainText("The password needs at least 8 characters");
});
