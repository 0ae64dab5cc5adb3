import { expect, newDoorkeeper, newEvent, newPerson, organizer, signIn, test } from "../support.js";

/** Returns whether a picture is shown and not a broken link. */
const isShown = (image) => image.evaluate((element) => element.complete && element.naturalWidth > 0);

test("a buyer sees a QR code for each ticket after booking, and gets them on paper and in the calendar", async ({ page }) => {
  const [event, ada] = await Promise.all([newEvent(), newPerson()]);
  await signIn(page, ada, `/events/${event.id}/book?quantity=2`);
  await page.getByRole("button", { name: "Book 2 tickets" }).click();
  await page.getByRole("link", { name: "Show the tickets" }).click();
  const [{ id }] = await ada.bookings();
  const reference = `${id.slice(-8).toUpperCase()}-1`;
  const cards = page.locator(".code-card");
  await expect(cards).toHaveCount(2);
  await expect(cards.first()).toContainText("Ada Lovelace");
  await expect(cards.last()).toContainText(`Stalls · Ticket ${reference}`);
  for (const image of await page.getByRole("img", { name: /QR code of ticket/ }).all()) await expect.poll(() => isShown(image)).toBe(true);
  const picture = await page.request.get(await cards.first().locator("img").getAttribute("src"));
  expect(picture.headers()).toMatchObject({ "content-type": "image/svg+xml", "cache-control": "no-store" });
  for (const [name, type, start] of [["PDF to print", "application/pdf", "%PDF-"], ["Add to calendar", "text/calendar", "BEGIN:VCALENDAR"]]) {
    const file = await page.request.get(await page.getByRole("link", { name }).getAttribute("href"));
    expect(file.headers()["content-type"]).toContain(type);
    expect((await file.body()).toString("latin1")).toContain(start);
  }
  // Each ticket has a page of its own on paper.
  await page.emulateMedia({ media: "print" });
  await expect(page.getByRole("link", { name: "PDF to print" })).toBeHidden();
  await expect(page.getByText("Turn up the brightness")).toBeHidden();
  await expect(cards.first().locator("img")).toBeVisible();
  expect(await cards.first().evaluate((card) => getComputedStyle(card).breakAfter)).toBe("page");
});

test("a QR code is black on white in a dark scheme as well", async ({ page }) => {
  await page.emulateMedia({ colorScheme: "dark" });
  const [event, ada] = await Promise.all([newEvent(), newPerson()]);
  const booking = await ada.book(event);
  await signIn(page, ada, `/tickets/${booking.id}`);
  expect(await page.locator(".code-picture").evaluate((box) => getComputedStyle(box).backgroundColor)).toBe("rgb(255, 255, 255)");
});

test("a holder replaces a code, and only the new one admits", async ({ page }) => {
  const [event, ada] = await Promise.all([newEvent(), newPerson()]);
  const booking = await ada.book(event);
  const [{ code: old }] = await ada.tickets(booking);
  await signIn(page, ada, `/tickets/${booking.id}`);
  await page.getByRole("link", { name: "Replace this code" }).click();
  await expect(page.getByText("The old code stops working at once")).toBeVisible();
  await page.getByRole("button", { name: "Replace the code" }).click();
  await expect(page.getByRole("status")).toContainText("Only the new code admits now");
  await expect(page.locator(".code-card")).toHaveCount(1);
  const [{ code, number }] = await ada.tickets(booking);
  expect(number).toBe(1);
  const checkIn = (code) => organizer.call("POST", `/admin/events/${event.id}/checkins`, { code });
  await expect(checkIn(old)).rejects.toThrow("ticket-void");
  expect((await checkIn(code)).holderName).toBe("Ada Lovelace");
  await page.reload();
  await expect(page.locator(".code-card")).toContainText("Used");
  await expect(page.getByRole("link", { name: "Replace this code" })).toHaveCount(0);
  // The address of before is kept in the history.
  await page.goto(`/tickets/${booking.id}/${number}/replace`);
  await page.getByRole("button", { name: "Replace the code" }).click();
  await expect(page.getByRole("alert")).toContainText("used at the door");
});

test("nobody else sees the tickets of a booking", async ({ page }) => {
  const [event, ada, eve] = await Promise.all([newEvent(), newPerson(), newPerson("Eve")]);
  const booking = await ada.book(event);
  await signIn(page, eve);
  for (const path of ["", "/0.svg", "/tickets.pdf", "/calendar.ics", "/0/replace"]) {
    expect((await page.request.get(`/tickets/${booking.id}${path}`)).status(), path).toBe(404);
  }
});

test.describe("without JavaScript", () => {
  test.use({ javaScriptEnabled: false });

  test("tickets are shown, checked in once, found by name and sent out again", async ({ page, open }) => {
    const [event, ada, door] = await Promise.all([newEvent(), newPerson(), newDoorkeeper()]);
    const booking = await ada.book(event, 2);
    const [{ code }] = await ada.tickets(booking);
    await signIn(page, ada, "/tickets");
    await page.getByRole("link", { name: "Show the tickets" }).click();
    await expect(page.locator(".code-card img").first()).toBeVisible();

    const phone = await open({ javaScriptEnabled: false, viewport: { width: 360, height: 740 } });
    await signIn(phone, door, `/desk/events/${event.id}/checkin`);
    const verdict = phone.locator(".verdict");
    for (const [kind, text] of [["admitted", "Ada Lovelace"], ["again", "Door B"]]) {
      await phone.getByLabel("Code of the ticket").fill(code);
      await phone.getByLabel("Name of this door").fill("Door B");
      await phone.getByRole("button", { name: "Check in", exact: true }).click();
      await expect(verdict).toHaveClass(`verdict ${kind}`);
      await expect(verdict).toContainText(text);
    }
    await expect(phone.locator("#counts")).toContainText("1 of 2 are in");
    await phone.getByLabel("Search by name").fill("lovelace");
    await phone.getByRole("button", { name: "Search" }).click();
    await phone.getByRole("button", { name: "Check in Ada Lovelace" }).click();
    await expect(verdict).toHaveClass("verdict admitted");
    await expect(phone.locator("#counts")).toContainText("2 of 2 are in");
    await phone.getByRole("button", { name: "Undo Ada Lovelace" }).first().click();
    await expect(phone.getByRole("status").first()).toContainText("The check-in is undone.");
    await expect(phone.locator("#counts")).toContainText("1 of 2 are in");
  });
});
