// Every page at 360 and 1280 px, in light and dark: axe, no sideways scrolling, touch targets.
import { checkPage, checkPath } from "../checks.js";
import { expect, letTicketsHaveReturned, letTimeRunOut, linkOf, newDoorkeeper, newEvent, newPerson, organizer, signIn, soldOutEvent, storeUnsentMail, test, ticketType } from "../support.js";

const LONG = "Donaudampfschifffahrtsgesellschaftskapitänsmützenversteigerungsabend with all of its friends and relations";

test("pages for everybody", async ({ page }) => {
  const many = Array.from({ length: 8 }, (_, index) => ticketType(`Block ${index + 1}, the row behind the very wide pillars`, index * 7 + 1, 123456));
  const [event, longOne, later, { event: soldOut }] = await Promise.all([
    newEvent(),
    newEvent({ name: LONG, venue: LONG, ticketTypes: many, description: `# ${LONG}\n\n| a | b |\n|---|---|\n| ${LONG} | 2 |\n\n> said\n\n\`\`\`\n${LONG}\n\`\`\`` }),
    newEvent({ salesStartAt: "2099-01-01T09:00:00Z" }),
    soldOutEvent(),
  ]);
  const calledOff = await newEvent();
  await organizer.call("POST", `/admin/events/${calledOff.id}/cancel`);
  for (const path of ["/", "/?when=past", "/?q=nothing-is-called-like-this", "/signin", "/signup", "/help"]) await checkPath(page, path);
  const behindLinks = ["/forgotpassword", "/forgotpassword?done=sent", "/signup?done=sent", "/resetpassword?token=x", "/confirmemail?token=x", "/unsubscribe?token=x"];
  for (const path of behindLinks) await checkPath(page, path);
  await checkPath(page, "/resetpassword", 404);
  for (const { id } of [event, longOne, later, soldOut, calledOff]) await checkPath(page, `/events/${id}`);
  await checkPath(page, "/nothing", 404);
  await checkPath(page, `/events/${crypto.randomUUID()}`, 404);
  await page.goto("/signup");
  await page.getByRole("button", { name: "Create an account" }).click();
  await expect(page.getByRole("alert")).toBeVisible();
  await checkPage(page, "a refused /signup");
});

test("personal pages", async ({ page }) => {
  const [event, { event: soldOut }, { event: other }, ada, nobody] = await Promise.all([
    newEvent({ name: LONG }), soldOutEvent({ tickets: 4 }), soldOutEvent(), newPerson(), newPerson("Emmy Noether"),
  ]);
  const [booking, returned, entry, leaving] = [await ada.book(event, 2), await ada.book(event), await ada.book(soldOut, 4), await ada.book(other)];
  await ada.giveBack(returned);
  letTicketsHaveReturned(soldOut);
  const transfer = await ada.offer(booking);
  await ada.call("POST", "/api/leavewaitlist", { waitlistEntryId: leaving.id });
  await signIn(page, nobody);
  for (const path of ["/tickets", "/queue"]) await checkPath(page, path);
  await page.context().clearCookies();
  await signIn(page, ada);
  const paths = [
    `/tickets?booked=${booking.id}`, `/tickets/${booking.id}`, `/tickets/${booking.id}/0/replace`, `/tickets/${booking.id}/give`, linkOf(transfer), `/tickets/${returned.id}`, `/tickets/${booking.id}/return`, `/tickets/${returned.id}/return`, `/queue?joined=${entry.id}`,
    `/queue/${entry.id}`, "/account", "/account/email", "/account/delete", `/events/${event.id}/book?quantity=2`, `/events/${other.id}/book`, `/events/${other.id}/queue`, `/events/${event.id}/queue`,
  ];
  for (const path of paths) await checkPath(page, path);
  for (const path of ["/tickets", "/queue"]) {
    await page.goto(path);
    await page.locator("summary").click();
    await checkPage(page, `${path} with its history`);
  }
  await checkPath(page, "/desk", 403);
  // The last place is not free any more: somebody else was quicker.
  await page.goto(`/events/${event.id}/book?quantity=10`);
  await (await newPerson()).book(event, 10);
  await page.getByRole("button", { name: "Book 10 tickets" }).click();
  await expect(page.getByRole("alert")).toContainText("Someone was quicker");
  await checkPage(page, "a refused booking");
});

test("the door", async ({ page }) => {
  const [event, ada, door] = await Promise.all([
    newEvent({ name: LONG, ticketTypes: [ticketType("Stalls", 9, 1250), ticketType("The gallery behind the very wide pillars", 5, 900)] }),
    newPerson(LONG), newDoorkeeper(),
  ]);
  const booking = await ada.book(event, 2, event.ticketTypes[1].id);
  const [{ code }] = await ada.tickets(booking);
  const path = `/desk/events/${event.id}`;
  await signIn(page, door, "/desk");
  for (const part of ["/desk", path, `${path}/checkin`, `${path}/checkin?q=nobody`, `${path}/checkin?q=donau`, `${path}/doorlist`, `${path}/doorlist?q=nobody`]) await checkPath(page, part);
  // A verdict stays until it is tapped, so that it can be checked.
  await page.addInitScript(() => {
    const set = setTimeout;
    globalThis.setTimeout = (act, ms, ...rest) => (ms >= 1500 && ms <= 5000 ? 0 : set(act, ms, ...rest));
  });
  for (const [text, kind] of [[code, "admitted"], [code, "again"], ["nothing", "refused"]]) {
    await page.goto(`${path}/checkin`);
    await page.getByLabel("Code of the ticket").fill(text);
    await page.getByRole("button", { name: "Check in", exact: true }).click();
    await expect(page.locator(".verdict")).toHaveClass(`verdict ${kind}`);
    await checkPage(page, `the verdict ${kind}`);
    await page.getByRole("button", { name: "Next ticket" }).click();
    await checkPage(page, `the page after the verdict ${kind}`);
  }
  await checkPath(page, `${path}/doorlist`);
});

test("reservations and offers", async ({ page }) => {
  const [event, offered, ada] = await Promise.all([
    newEvent({ name: LONG, checkoutMinutes: 10, timeZone: "America/Argentina/Buenos_Aires", ticketTypes: [ticketType(LONG.slice(0, 100), 5, 123456)] }),
    soldOutEvent({ name: LONG, offerMinutes: 10080 }),
    newPerson(),
  ]);
  const [first, booking] = [await ada.book(event, 2), await ada.book(event, 2)];
  await ada.book(offered.event);
  await signIn(page, ada, "/queue");
  await offered.holder.giveBack(offered.booking);
  await expect(page.locator(".place")).toHaveText("1 ticket is offered to you");
  const offer = (await ada.reservations()).find(({ eventId }) => eventId === offered.event.id);
  for (const path of ["/queue", "/tickets", ...[booking, offer].flatMap(({ id }) => [`/tickets/${id}/confirm`, `/tickets/${id}/return`])]) await checkPath(page, path);
  for (const path of [`/events/${event.id}`, `/events/${event.id}/book`, `/events/${offered.event.id}`]) await checkPath(page, path);
  letTimeRunOut(first);
  letTimeRunOut(offer);
  for (const { id } of [first, offer]) {
    await page.goto(`/tickets/${id}/confirm`);
    await expect(page.getByRole("heading", { name: /has ended/ })).toBeVisible();
    await checkPage(page, "a reservation that has ended");
  }
  for (const path of ["/queue", "/tickets"]) {
    await page.goto(path);
    await page.locator("summary").click();
    await checkPage(page, `${path} with its history`);
  }
  await page.context().clearCookies();
  await signIn(page, organizer, "/desk");
  for (const path of ["", "/bookings", "/bookings?status=expired", "/edit", "/capacity"]) await checkPath(page, `/desk/events/${event.id}${path}`);
});

test("the desk: events", async ({ page }) => {
  const [event, long, draft] = await Promise.all([
    newEvent({ ticketTypes: [ticketType("Stalls", 2, 1250), ticketType("Gallery", 5, 900)] }),
    newEvent({ name: LONG, venue: LONG }),
    newEvent({ status: "draft" }),
  ]);
  const [ada, full] = [await newPerson(), await soldOutEvent()];
  const entry = await ada.book(full.event);
  await signIn(page, organizer, "/desk");
  for (const path of ["/desk", "/desk?q=nothing-is-called-like-this&when=all", "/desk/events/new"]) await checkPath(page, path);
  const desk = `/desk/events/${full.event.id}`;
  for (const path of ["", "/edit", "/capacity", "/bookings", "/bookings/new", "/waitinglist", "/transfers", "/calloff", "/duplicate"]) await checkPath(page, desk + path);
  for (const { id } of [event, long, draft]) await checkPath(page, `/desk/events/${id}`);
  for (const path of ["/publish", "/delete", "/bookings", "/waitinglist"]) await checkPath(page, `/desk/events/${draft.id}${path}`);
  await full.holder.offer(full.booking, 1, `${"a-long-name-without-a-break".repeat(2)}@example.org`);
  await checkPath(page, `${desk}/transfers`);
  await checkPath(page, `${desk}/bookings/${full.booking.id}/cancel`);
  await checkPath(page, `${desk}/waitinglist/${entry.id}/remove`);
});

test("the desk: forms, accounts and the audit log", async ({ page }) => {
  const [{ event }, ada] = await Promise.all([soldOutEvent(), newPerson(LONG)]);
  await ada.book(event);
  await signIn(page, organizer, `/desk/events/${event.id}/capacity`);
  await page.locator("main input[type=number]").fill("5");
  await page.getByRole("button", { name: "Continue" }).click();
  await expect(page.getByRole("heading", { name: "This will happen" })).toBeVisible();
  await checkPage(page, "the preview of a change of the number of tickets");
  await page.goto(`/desk/events/${event.id}/capacity`);
  await page.locator("main input[type=number]").evaluate((field) => (field.value = "0"));
  await page.locator("main form").evaluate((form) => (form.noValidate = true));
  await page.getByRole("button", { name: "Continue" }).click();
  await checkPage(page, "a refused number of tickets");
  await page.goto("/desk/events/new");
  await page.getByRole("button", { name: "Save as a draft" }).click();
  await expect(page.getByRole("alert")).toBeVisible();
  await checkPage(page, "a refused event");
  for (const path of ["/desk/accounts", `/desk/accounts?q=${ada.email}`, "/desk/accounts?q=nobody-at-all", "/desk/auditlog", "/desk/secondfactor"]) await checkPath(page, path);
  await checkPath(page, `/desk/accounts/${crypto.randomUUID()}/role?role=door&holder=${encodeURIComponent(LONG)}`);
  await page.goto(`/desk/accounts?q=${ada.email}`);
  await page.getByRole("link", { name: /^Disable/ }).click();
  await checkPage(page, "the question before an account is disabled");
});

test("the desk: webhooks", async ({ page, context }) => {
  await context.grantPermissions(["clipboard-read", "clipboard-write"]);
  const [event, ada] = await Promise.all([newEvent({ name: LONG }), newPerson()]);
  await signIn(page, organizer, "/desk/webhooks");
  await checkPage(page, "/desk/webhooks without webhooks");
  await page.getByRole("link", { name: "Create a webhook" }).click();
  await checkPage(page, "/desk/webhooks/new");
  await page.getByLabel("Only these messages:").check();
  await page.getByRole("button", { name: "Create the webhook" }).click();
  await expect(page.getByRole("alert")).toContainText("Choose at least one kind of message");
  await checkPage(page, "a refused webhook");
  const address = `https://crm.example/${"a-long-path-without-a-break".repeat(8)}`;
  await page.getByLabel("Address").fill(address);
  await page.getByLabel("Description").fill(LONG);
  await page.getByLabel("Tickets were booked").check();
  await page.getByLabel("Event", { exact: true }).selectOption(event.id);
  await page.getByRole("button", { name: "Create the webhook" }).click();
  await expect(page.getByRole("status").first()).toHaveText("The webhook has been created.");
  await checkPage(page, "the secret of a webhook");
  await page.getByRole("button", { name: "Copy the secret" }).click();
  await expect(page.getByText("Copied")).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toMatch(/^whsec_/);
  await page.getByRole("link", { name: "I have stored the secret" }).click();

  const desk = new URL(page.url()).pathname;
  await ada.book(event);
  const deliveries = async () => (await organizer.call("GET", `${desk.replace("/desk", "/admin")}/deliveries`)).items.length;
  await expect.poll(deliveries).toBe(1);
  await page.goto(desk);
  await page.locator("summary").click();
  await expect(page.locator("pre")).toContainText(event.id);
  await checkPage(page, "the log of a webhook");
  for (const path of ["/desk/webhooks", `${desk}?status=delivered`, ...["edit", "disable", "rotate", "delete"].map((action) => `${desk}/${action}`)]) await checkPath(page, path);
  await page.goto(`${desk}/disable`);
  await page.getByRole("button", { name: "Switch off" }).click();
  await expect(page.getByRole("status")).toHaveText("The webhook is switched off.");
  await checkPage(page, "a webhook that is switched off");
  await checkPath(page, `${desk}/enable`);
});

test("the desk: mails", async ({ page }) => {
  const [event, ada] = await Promise.all([newEvent(), newPerson()]);
  await signIn(page, organizer, "/desk/mails");
  await checkPage(page, "/desk/mails without mails");
  const account = await ada.call("GET", "/api/account");
  storeUnsentMail("failed", account, event, `permanent error (550): ${"no-such-mailbox-".repeat(12)}`);
  storeUnsentMail("unclear", account, event, "the connection ended before the answer");
  await page.reload();
  await checkPage(page, "/desk/mails with mails");
  await page.getByRole("button", { name: "Send again" }).click();
  await expect(page.getByRole("status")).toHaveText("The mail is being sent again.");
  await page.getByRole("link", { name: "Send again" }).click();
  await checkPage(page, "the question before an unclear mail is sent again");
  await page.getByRole("button", { name: "Send again" }).click();
  await expect(page.getByRole("status")).toHaveText("The mail is being sent again.");
  await expect(page.getByText("There are no such mails.")).toBeVisible();
  for (const path of ["/desk/mails", "/desk/mails?status=unclear", "/desk/mails?status=pending"]) await checkPath(page, path);
  await checkPath(page, `/desk/mails/${crypto.randomUUID()}/${crypto.randomUUID()}/resend?kind=event-changed`);
  await page.getByRole("button", { name: "Send again" }).click();
  await expect(page.getByRole("alert")).toContainText("no longer stored");
  await checkPage(page, "a mail that is no longer stored");
});
