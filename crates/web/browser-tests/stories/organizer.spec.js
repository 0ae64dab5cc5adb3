import { expect, newEvent, newPerson, organizer, read, reloadUntil, signIn, test, unique } from "../support.js";

test("an organizer creates an event, publishes it, raises its capacity for the queue and calls it off", async ({ page, open, request }) => {
  const name = unique("Lantern Parade");
  await signIn(page, organizer, "/desk");
  await page.getByRole("link", { name: "Create an event" }).click();
  await page.getByRole("button", { name: "Save as a draft" }).click();
  await expect(page.getByRole("alert")).toContainText("Enter a name for the event.");
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByRole("textbox", { name: "Place" }).fill("South Quay");
  await page.getByLabel("Starts").fill("2099-07-10T18:00");
  await page.getByLabel("Name 1").fill("Admission");
  await page.getByLabel("Tickets 1").fill("2");
  await page.getByLabel("Price 1").fill("12.50");
  await page.getByRole("button", { name: "Save as a draft" }).click();
  await expect(page.getByRole("status")).toHaveText("The event has been created.");
  await expect(page.locator(".desk-facts")).toContainText("Draft");
  const desk = new URL(page.url()).pathname;
  const id = desk.split("/").pop();

  // Nobody sees a draft.
  const buyer = await open();
  expect((await buyer.goto(`/events/${id}`)).status()).toBe(404);

  await page.getByRole("link", { name: "Publish the event" }).click();
  await expect(page.getByText("Everybody can see it")).toBeVisible();
  await page.getByRole("button", { name: "Publish the event" }).click();
  await expect(page.getByRole("status")).toHaveText("The event is published.");
  const publicPage = await (await request.get(`/events/${id}`)).text();
  expect(publicPage).toContain(`<meta property="og:title" content="${name}">`);
  expect(publicPage).toContain('"@type":"Event"');

  const [grace, ada] = await Promise.all([newPerson("Grace Hopper"), newPerson()]);
  await grace.book({ id });
  await ada.book({ id }, 2);
  await page.goto(desk);
  await expect(page.locator("#figures")).toContainText("Parties in the queue");
  await expect(page.locator("#figures div", { hasText: "Waiting" }).getByRole("link")).toHaveText("1");

  await page.getByRole("link", { name: "Number of tickets" }).click();
  await page.getByLabel("Admission").fill("4");
  await page.getByRole("button", { name: "Continue" }).click();
  await expect(page.getByText("They go to the queue first: one party waits.")).toBeVisible();
  expect((await read({ id })).totalTickets).toBe(2);
  await page.getByRole("button", { name: "Change the number of tickets" }).click();
  await expect(page.getByRole("status")).toHaveText("The number of tickets has been changed.");
  await expect(page.locator("#figures div", { hasText: "Sold" }).getByRole("link", { name: "3", exact: true })).toBeVisible();
  await page.getByRole("link", { name: "Bookings" }).click();
  await expect(page.getByRole("row", { name: /Ada Lovelace/ })).toContainText("From the queue");

  await page.getByRole("link", { name: "Overview" }).click();
  await page.getByRole("link", { name: "Call off the event" }).click();
  await expect(page.getByText("3 tickets will be cancelled. Nobody waits. This cannot be undone.")).toBeVisible();
  await page.getByRole("button", { name: "Call off the event" }).click();
  await expect(page.getByRole("status")).toContainText("The event has been called off.");
  await buyer.goto(`/events/${id}`);
  await reloadUntil(buyer, buyer.locator(".banner", { hasText: "Called off" }));
  await expect(buyer.getByRole("button", { name: /Book|Join/ })).toHaveCount(0);
});

test("an organizer books for a guest, cancels a booking and finds both in the audit log", async ({ page }) => {
  const event = await newEvent();
  const guest = unique("Emmy Noether");
  await signIn(page, organizer, `/desk/events/${event.id}`);
  await page.getByRole("link", { name: "Book for a guest" }).click();
  await page.getByLabel("Name of the guest").fill(guest);
  await page.getByLabel("E-mail address").fill("emmy@example.org");
  await page.getByLabel("Tickets", { exact: true }).fill("2");
  await page.getByRole("button", { name: "Book for the guest" }).click();
  await expect(page.getByRole("status")).toHaveText("The tickets are booked for the guest.");
  const row = page.getByRole("row", { name: guest });
  await expect(row).toContainText("Confirmed");

  await row.getByRole("link", { name: /Cancel/ }).click();
  await expect(page.getByRole("heading", { name: "Cancel this booking?" })).toBeVisible();
  await page.getByLabel("Reason").fill(`asked by phone for ${guest}`);
  await page.getByRole("button", { name: "Cancel the booking" }).click();
  await expect(page.getByRole("status")).toHaveText("The booking has been cancelled.");
  await expect(page.getByRole("row", { name: guest })).toContainText("Cancelled");
  await page.goto("/desk/auditlog");
  await expect(page.getByRole("row", { name: `asked by phone for ${guest}` })).toContainText("Booking cancelled for a person");
});

test("two organizers who change the same event do not overwrite each other", async ({ page, open }) => {
  const event = await newEvent();
  const other = await open();
  for (const tab of [page, other]) await signIn(tab, organizer, `/desk/events/${event.id}/edit`);
  await page.getByRole("textbox", { name: "Place" }).fill("North Quay");
  await page.getByRole("button", { name: "Save changes" }).click();
  await expect(page.getByRole("status")).toHaveText("Your changes are saved.");
  await other.getByRole("textbox", { name: "Place" }).fill("South Quay");
  await other.getByRole("button", { name: "Save changes" }).click();
  await expect(other.getByRole("alert")).toContainText("Somebody else has changed this event in the meantime.");
  await expect(other.getByRole("textbox", { name: "Place" })).toHaveValue("South Quay");
  expect((await read(event)).venue).toBe("North Quay");
});

test("a double click creates one event", async ({ page }) => {
  const name = unique("Lantern Parade");
  await signIn(page, organizer, "/desk/events/new");
  await page.getByLabel("Name", { exact: true }).fill(name);
  await page.getByLabel("Name 1").fill("Admission");
  await page.getByLabel("Tickets 1").fill("5");
  await page.getByRole("button", { name: "Create and publish" }).dblclick();
  await expect(page.getByRole("status")).toHaveText("The event has been created.");
  await expect(page.locator(".desk-facts")).toContainText("Published");
  const { items } = await organizer.call("GET", `/admin/events?q=${encodeURIComponent(name)}`);
  expect(items).toHaveLength(1);
});

test("buyers do not see the desk", async ({ page }) => {
  await signIn(page, await newPerson(), "/tickets");
  await expect(page.getByRole("link", { name: "Desk" })).toHaveCount(0);
  expect((await page.goto("/desk")).status()).toBe(403);
  await expect(page.getByRole("heading", { name: "You cannot see this page" })).toBeVisible();
});
