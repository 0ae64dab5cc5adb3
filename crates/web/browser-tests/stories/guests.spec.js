import { checkPage } from "../checks.js";
import { expect, followMail, newEvent, newGuest, newPerson, organizer, signIn, soldOutEvent, test } from "../support.js";

test("a guest without an account follows the link of the e-mail and returns a ticket to the next in line", async ({ page }) => {
  const [event, ada] = await Promise.all([newEvent({ tickets: 2 }), newPerson()]);
  const guest = await newGuest(event, 2);
  await ada.book(event);
  await followMail(page, guest.email, "Your tickets for", "/guest?token=");
  await expect(page.getByRole("heading", { name: event.name })).toBeVisible();
  await expect(page.locator(".code-card")).toHaveCount(2);
  await expect(page.locator(".code-card").first()).toContainText(guest.name);
  expect(await page.locator(".code-card img").first().evaluate((image) => image.decode().then(() => image.naturalWidth > 0))).toBe(true);
  await checkPage(page, "the tickets of a guest");

  await page.getByRole("link", { name: "Give tickets back" }).click();
  await page.getByLabel("How many tickets do you give back?").fill("1");
  await checkPage(page, "the form in which a guest gives tickets back");
  await page.getByRole("button", { name: "Give back 1 ticket" }).click();
  await expect(page.getByRole("status")).toContainText("The tickets go to the next in line");
  await expect(page.locator(".code-card")).toHaveCount(1);
  await expect.poll(async () => (await ada.bookings()).length).toBe(1);

  await page.getByRole("link", { name: "Give tickets back" }).click();
  await page.getByRole("button", { name: "Give back 1 ticket" }).click();
  await expect(page.locator("main")).toContainText("Given back");
  await expect(page.locator(".code-card")).toHaveCount(0);
  await checkPage(page, "the page of a guest who has returned everything");
});

test("a guest who waits sees the place, and the same link shows the tickets later", async ({ page }) => {
  const { event, holder, booking } = await soldOutEvent();
  const guest = await newGuest(event);
  await followMail(page, guest.email, "You are on the waiting list", "/guest?token=");
  await expect(page.locator(".place")).toHaveText("You are number 1 in line");
  await checkPage(page, "the place of a guest");
  const link = page.url();
  await holder.giveBack(booking);
  await followMail(page, guest.email, "You got tickets", "/guest?token=");
  await expect(page.locator(".code-card")).toHaveCount(1);
  await page.goto(link);
  await expect(page.locator(".code-card")).toHaveCount(1);
});

test("an organizer replaces the link of a guest", async ({ page, open }) => {
  const event = await newEvent();
  const guest = await newGuest(event);
  const theirs = await open();
  await followMail(theirs, guest.email, "Your tickets for", "/guest?token=");
  await expect(theirs.locator(".code-card")).toHaveCount(1);
  await signIn(page, organizer, `/desk/events/${event.id}/bookings`);
  await page.getByRole("row", { name: guest.name }).getByRole("link", { name: /Send link/ }).click();
  await expect(page.locator("main")).toContainText(guest.email);
  await page.getByLabel("The links that were sent before stop working").check();
  await page.getByRole("button", { name: "Send the link" }).click();
  await expect(page.getByRole("status")).toHaveText("The link is on its way to the guest.");

  await theirs.reload();
  await expect(theirs.getByRole("heading", { name: "This link does not work" })).toBeVisible();
  await checkPage(theirs, "a link that was replaced");
  await followMail(theirs, guest.email, "The link to your tickets", "/guest?token=");
  await expect(theirs.locator(".code-card")).toHaveCount(1);
});
