import { expect, fillSignIn, linkOf, newEvent, newPerson, organizer, signIn, test } from "../support.js";

test("a holder gives a ticket to somebody else, who signs in and gets a new code", async ({ page, open }) => {
  const [event, ada, grace] = await Promise.all([newEvent(), newPerson(), newPerson("Grace Hopper")]);
  const booking = await ada.book(event, 2);
  const [, { code: old }] = await ada.tickets(booking);
  await signIn(page, ada, `/tickets/${booking.id}`);
  await page.getByRole("link", { name: "Give tickets to somebody else" }).click();
  await page.getByLabel("E-mail address of the other person").fill(grace.email);
  await page.getByRole("button", { name: "Offer 1 ticket" }).click();
  await expect(page.getByRole("status")).toContainText("The other person gets an e-mail with a link");
  await expect(page.getByRole("heading", { name: grace.email })).toBeVisible();

  const theirs = await open();
  const [transfer] = await ada.transfers();
  await theirs.goto(linkOf(transfer));
  await fillSignIn(theirs, grace);
  await expect(theirs.getByRole("heading", { name: "Tickets for you" })).toBeVisible();
  await expect(theirs.locator("main")).not.toContainText(ada.email);
  await theirs.getByRole("button", { name: "Accept 1 ticket" }).click();
  await expect(theirs.getByRole("status")).toContainText("These tickets are yours now");
  await expect(theirs.locator(".code-card")).toHaveCount(1);
  await expect(theirs.locator(".code-card")).toContainText("Grace Hopper");

  const [received] = await grace.bookings();
  const [{ code }] = await grace.tickets(received);
  const checkIn = (code) => organizer.call("POST", `/admin/events/${event.id}/checkins`, { code });
  await expect(checkIn(old)).rejects.toThrow("ticket-void");
  expect((await checkIn(code)).holderName).toBe("Grace Hopper");
  await page.goto(`/tickets/${booking.id}`);
  await expect(page.locator(".code-card")).toHaveCount(1);
});

test("a wrong address is explained at its field, and what was typed stays", async ({ page }) => {
  const [event, ada] = await Promise.all([newEvent(), newPerson()]);
  const booking = await ada.book(event);
  await signIn(page, ada, `/tickets/${booking.id}/give`);
  await page.getByLabel("E-mail address of the other person").fill(ada.email);
  await page.getByRole("button", { name: "Offer 1 ticket" }).click();
  await expect(page.getByRole("alert")).toContainText("Your own does not work");
  await expect(page.getByLabel("E-mail address of the other person")).toHaveValue(ada.email);
});

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });

  test("an offer is withdrawn, and another one is declined", async ({ page, open }) => {
    const [event, ada, grace] = await Promise.all([newEvent(), newPerson(), newPerson("Grace Hopper")]);
    const booking = await ada.book(event, 2);
    const withdrawn = linkOf(await ada.offer(booking));
    await signIn(page, ada, `/tickets/${booking.id}/give`);
    await page.getByRole("button", { name: "Withdraw" }).click();
    await expect(page.getByRole("status")).toContainText("Withdrawn");
    const theirs = await open({ javaScriptEnabled: false });
    await signIn(theirs, grace, withdrawn);
    await expect(theirs.locator("main")).toContainText("The other person has withdrawn the offer");

    await theirs.goto(linkOf(await ada.offer(booking, 2)));
    await theirs.getByRole("button", { name: "Decline" }).click();
    await expect(theirs.locator("main")).toContainText("The offer was declined");
    await page.goto(`/tickets/${booking.id}`);
    await expect(page.locator(".code-card")).toHaveCount(2);
  });
});
