// Double clicks, reloads, lost connections, several tabs and sessions that end: everything acts once, and nothing is lost.
import { expect, fillSignIn, newEvent, newPerson, read, signIn, test } from "../support.js";

const SESSION = "rowlock_session";

/** Opens the summary of a booking of two tickets. */
async function summary(page, tickets = 20) {
  const [event, ada] = await Promise.all([newEvent({ tickets }), newPerson()]);
  await signIn(page, ada, `/events/${event.id}`);
  await page.getByRole("button", { name: "One ticket more" }).click();
  await page.getByRole("button", { name: "Book 2 tickets" }).click();
  await expect(page.getByRole("heading", { name: "Check and book" })).toBeVisible();
  return { event, ada, book: page.getByRole("button", { name: "Book 2 tickets" }), path: `/events/${event.id}/book` };
}

/** Whether a request sends the form that books. */
const isBooking = (request) => request.method() === "POST" && request.url().endsWith("/book");

test("a double click books once, and a reload of the result changes nothing", async ({ page }) => {
  const { event, book, ada } = await summary(page);
  await book.dblclick();
  await expect(page.getByRole("status")).toContainText("Booked: 2 tickets");
  await page.reload();
  await expect(page.locator(".ticket")).toHaveCount(1);
  expect(await ada.bookings()).toHaveLength(1);
  expect((await read(event)).bookedTickets).toBe(2);
});

test("the back button after a booking does not book again", async ({ page }) => {
  const { event, book } = await summary(page);
  await book.click();
  await expect(page.getByRole("status")).toContainText("Booked: 2 tickets");
  await page.goBack();
  await expect(book).toBeEnabled();
  await book.click();
  await expect(page.getByRole("status")).toContainText("Booked: 2 tickets");
  expect((await read(event)).bookedTickets).toBe(2);
  // Another booking is made from the event, on purpose.
  await page.goto(`/events/${event.id}`);
  await page.getByRole("button", { name: "Book 1 ticket" }).click();
  await page.getByRole("button", { name: "Book 1 ticket" }).click();
  await expect(page.getByRole("status")).toContainText("Booked: 1 ticket");
  expect((await read(event)).bookedTickets).toBe(3);
});

test("a form that is filled in differently after the back button is a new request", async ({ page }) => {
  const [event, ada] = await Promise.all([newEvent(), newPerson()]);
  const booking = await ada.book(event, 4);
  await signIn(page, ada, `/tickets/${booking.id}/return`);
  const fields = page.getByLabel("How many tickets do you give back?");
  await fields.fill("1");
  await page.getByRole("button", { name: "Give back 1 ticket" }).click();
  await expect(page.getByRole("status")).toContainText("Given back.");
  // The same again after the back button is the same request.
  await page.goBack();
  await fields.fill("1");
  await page.getByRole("button", { name: "Give back 1 ticket" }).click();
  await expect(page.getByRole("status")).toContainText("Given back.");
  expect((await read(event)).bookedTickets).toBe(3);
  await page.goBack();
  await fields.fill("2");
  await page.getByRole("button", { name: "Give back 2 tickets" }).click();
  await expect(page.getByRole("status")).toContainText("Given back.");
  expect((await read(event)).bookedTickets).toBe(1);
});

test("while the answer is on its way, the button is busy and cannot be pressed again", async ({ page }) => {
  const { event, book, path } = await summary(page);
  let answer;
  const slow = new Promise((resolve) => (answer = resolve));
  let requests = 0;
  await page.route(`**${path}`, async (route) => {
    if (isBooking(route.request())) {
      requests += 1;
      await slow;
    }
    await route.continue();
  });
  // Playwright waits for navigations that have begun, so the page itself clicks and looks.
  const busy = await book.evaluate(async (button) => {
    const isDisabled = new Promise((resolve) => new MutationObserver(resolve).observe(button, { attributeFilter: ["aria-busy"] }));
    button.click();
    await isDisabled;
    button.click();
    return { disabled: button.disabled, busy: button.ariaBusy, label: button.textContent };
  });
  expect(busy).toEqual({ disabled: true, busy: "true", label: "Book 2 tickets" });
  answer();
  await expect(page.getByRole("status")).toContainText("Booked: 2 tickets");
  expect(requests).toBe(1);
  expect((await read(event)).bookedTickets).toBe(2);
});

test("if the answer is lost, the retry acts once", async ({ page }) => {
  const { event, book, path } = await summary(page);
  let lost = 0;
  await page.route(`**${path}`, async (route) => {
    if (!isBooking(route.request()) || lost > 0) return route.continue();
    lost += 1;
    // The booking is made, but the connection breaks before the answer arrives.
    await route.fetch({ maxRedirects: 0 });
    await route.abort("connectionreset");
  });
  await book.click({ noWaitAfter: true });
  await expect.poll(() => page.url()).toMatch(/^chrome-error:/);
  expect((await read(event)).bookedTickets).toBe(2);
  await page.goBack();
  await book.click();
  await expect(page.getByRole("status")).toContainText("Booked: 2 tickets");
  await expect(page.locator(".ticket")).toHaveCount(1);
  expect((await read(event)).bookedTickets).toBe(2);
});

test("if the request is lost, the retry books", async ({ page, context }) => {
  const { event, book } = await summary(page);
  await context.setOffline(true);
  await book.click({ noWaitAfter: true });
  await expect.poll(() => page.url()).toMatch(/^chrome-error:/);
  await context.setOffline(false);
  expect((await read(event)).bookedTickets).toBe(0);
  await page.goBack();
  await book.click();
  await expect(page.getByRole("status")).toContainText("Booked: 2 tickets");
  expect((await read(event)).bookedTickets).toBe(2);
});

test("two tabs renew the session at the same time, and both stay signed in", async ({ page, context }) => {
  const ada = await newPerson();
  await signIn(page, ada);
  const second = await context.newPage();
  for (let round = 0; round < 3; round += 1) {
    const [one, two] = await Promise.all([page.goto("/account"), second.goto("/queue")]);
    expect([one.url(), two.url()].map((url) => new URL(url).pathname)).toEqual(["/account", "/queue"]);
  }
  await expect(page.getByText(ada.email)).toBeVisible();
  // Both renewals led to one session.
  await expect(page.locator(".sessions li")).toHaveCount(1);
});

test("a session that has ended elsewhere in the middle of a booking keeps the wish", async ({ page }) => {
  const { event, ada, book } = await summary(page);
  await ada.call("DELETE", "/api/sessions");
  await book.click();
  await expect(page.getByText("What you chose is kept.")).toBeVisible();
  expect((await read(event)).bookedTickets).toBe(0);
  await fillSignIn(page, ada);
  await expect(page.locator(".summary")).toContainText("2 × €12.50");
  await book.click();
  await expect(page.getByRole("status")).toContainText("Booked: 2 tickets");
  expect((await read(event)).bookedTickets).toBe(2);
});

test("without its session cookie a booking leads to the sign-in and back", async ({ page, context }) => {
  const { event, ada, book } = await summary(page);
  await context.clearCookies({ name: SESSION });
  await book.click();
  await fillSignIn(page, ada);
  await book.click();
  await expect(page.getByRole("status")).toContainText("Booked: 2 tickets");
  expect((await read(event)).bookedTickets).toBe(2);
});

test("after a log-out in one tab the other cannot act, and says what to do", async ({ page, context }) => {
  const { event, ada, book } = await summary(page);
  const other = await context.newPage();
  await other.goto("/account");
  await other.getByRole("button", { name: "Sign out", exact: true }).click();
  await expect(other.getByRole("link", { name: "Sign in" })).toBeVisible();
  await book.click();
  await expect(page.getByRole("heading", { name: "This form is out of date" })).toBeVisible();
  expect((await read(event)).bookedTickets).toBe(0);
  // What the page advises leads to the ticket.
  await page.goBack();
  await page.reload();
  await fillSignIn(page, ada);
  await book.click();
  await expect(page.getByRole("status")).toContainText("Booked: 2 tickets");
  expect((await read(event)).bookedTickets).toBe(2);
});
