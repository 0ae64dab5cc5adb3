// Reservations during the checkout, and offers from the waiting list.
import { expect, letTimeRunOut, newEvent, newPerson, organizer, read, signIn, soldOutEvent, test } from "../support.js";

test("a buyer reserves tickets, sees the time run, and confirms them", async ({ page }) => {
  const [event, ada] = await Promise.all([newEvent({ checkoutMinutes: 10 }), newPerson()]);
  await signIn(page, ada, `/events/${event.id}`);
  await expect(page.getByText("Reserved tickets are held for you for 10 minutes.")).toBeVisible();
  await page.getByRole("button", { name: "One ticket more" }).click();
  await page.getByRole("button", { name: "Reserve 2 tickets" }).click();
  await expect(page.getByRole("heading", { name: "Check and reserve" })).toBeVisible();
  await page.getByRole("button", { name: "Reserve 2 tickets" }).dblclick();

  await expect(page.getByRole("heading", { name: "Confirm your tickets" })).toBeVisible();
  expect(await read(event)).toMatchObject({ reservedTickets: 2, bookedTickets: 0, availableTickets: 18 });
  // The event is in UTC, and its reader in Berlin.
  await expect(page.locator(".deadline")).toHaveText(/^Held for you until .+UTC · .+ your time$/);
  const timer = page.getByRole("timer");
  await expect(timer).toHaveText(/^(10:00|9:5\d)$/);
  const before = await timer.textContent();
  await expect(timer).not.toHaveText(before);

  await page.goto("/tickets");
  await expect(page.locator(".ticket.reserved")).toContainText(event.name);
  await expect(page.getByRole("timer")).toHaveText(/^9:[0-5]\d$/);
  await page.getByRole("button", { name: "Confirm 2 tickets" }).click();
  await expect(page.getByRole("status")).toHaveText(`Booked: 2 tickets for ${event.name}. They are yours.`);
  await expect(page.locator(".ticket.reserved")).toHaveCount(0);
  expect(await read(event)).toMatchObject({ reservedTickets: 0, bookedTickets: 2, availableTickets: 18 });
});

test("a reservation is given back, first a part and then the rest", async ({ page }) => {
  const [event, ada] = await Promise.all([newEvent({ checkoutMinutes: 10 }), newPerson()]);
  const booking = await ada.book(event, 3);
  await signIn(page, ada, `/tickets/${booking.id}/confirm`);
  await page.getByRole("link", { name: "Give back" }).click();
  await expect(page.getByRole("timer")).toHaveText(/^(10:00|9:[0-5]\d)$/);
  await page.getByLabel("How many tickets do you give back?").fill("1");
  await page.getByRole("button", { name: "Give back 1 ticket" }).click();
  await expect(page.getByRole("status")).toContainText("Given back.");
  await page.locator(".ticket.reserved").getByRole("link", { name: "Give back" }).click();
  await page.getByRole("button", { name: "Give back 2 tickets" }).click();
  await expect(page.getByRole("status")).toContainText("Given back.");
  await expect(page.getByRole("heading", { name: "No tickets yet" })).toBeVisible();
  expect(await read(event)).toMatchObject({ reservedTickets: 0, bookedTickets: 0, availableTickets: 20 });
});

test("a reservation ends before the eyes of its buyer, and the ticket goes to the next in line", async ({ page }) => {
  const [event, ada, ben] = await Promise.all([newEvent({ tickets: 1, checkoutMinutes: 10 }), newPerson(), newPerson("Ben Franklin")]);
  const booking = await ada.book(event);
  await ben.book(event);
  await signIn(page, ada, `/tickets/${booking.id}/confirm`);
  await expect(page.getByRole("heading", { name: "Confirm your tickets" })).toBeVisible();
  letTimeRunOut(booking);
  // Nobody reloads the page.
  await expect(page.getByRole("heading", { name: "The reservation has ended" })).toBeVisible();
  await expect(page.locator(".banner")).toHaveText(/^The reservation ended (at|on) .*\d\d:\d\d\sUTC\. The tickets have gone to the next in line or back on sale\.$/);
  await expect(page.getByRole("button", { name: /Confirm/ })).toHaveCount(0);
  await expect(async () => expect(await ben.bookings()).toHaveLength(1)).toPass();

  await page.getByRole("link", { name: "Try again" }).click();
  await expect(page.getByRole("heading", { name: "Join the waiting list" })).toBeVisible();
  await page.goto("/tickets");
  await page.locator("summary").click();
  await expect(page.locator("details")).toContainText("The reservation ended");
  await expect(page.locator("details")).not.toContainText("Given back");
});

test("without JavaScript, a buyer who confirms too late reads what happened", async ({ open }) => {
  const page = await open({ javaScriptEnabled: false });
  const [event, ada] = await Promise.all([newEvent({ checkoutMinutes: 10 }), newPerson()]);
  await signIn(page, ada, `/events/${event.id}/book?quantity=2`);
  await page.getByRole("button", { name: "Reserve 2 tickets" }).click();
  // The weekday precedes the time of a reservation that lasts beyond midnight.
  await expect(page.locator(".deadline time")).toHaveText(/^(\w+ )?\d\d:\d\d\sUTC$/);
  const [reservation] = await ada.reservations();
  letTimeRunOut(reservation);
  await page.getByRole("button", { name: "Confirm 2 tickets" }).click();
  await expect(page.getByRole("heading", { name: "The reservation has ended" })).toBeVisible();
  await page.getByRole("link", { name: "Try again" }).click();
  await page.getByRole("button", { name: "Reserve 2 tickets" }).click();
  await page.getByRole("button", { name: "Confirm 2 tickets" }).click();
  await expect(page.getByRole("status")).toContainText("Booked: 2 tickets");
  // The worker ends the first reservation by itself.
  await expect.poll(() => read(event)).toMatchObject({ reservedTickets: 0, bookedTickets: 2 });
});

test("a returned ticket is offered to the first in line, who accepts it", async ({ page }) => {
  const [{ event, holder, booking }, ada] = await Promise.all([soldOutEvent({ offerMinutes: 120 }), newPerson()]);
  await signIn(page, ada, `/events/${event.id}/book`);
  await expect(page.getByText("you have 2 hours to accept")).toBeVisible();
  await page.getByRole("button", { name: "Join the waiting list" }).click();
  await expect(page.getByText("When it is your turn, the tickets are offered to you, and you have 2 hours to accept.")).toBeVisible();
  await holder.giveBack(booking);
  // Nobody reloads the page.
  await expect(page.locator(".place")).toHaveText("1 ticket is offered to you");
  await expect(page.getByRole("timer")).toHaveText(/^(2 hours 0 minutes|1 hour 59 minutes)$/);
  expect(await read(event)).toMatchObject({ reservedTickets: 1, bookedTickets: 0 });
  await page.getByRole("button", { name: "Accept 1 ticket" }).click();
  await expect(page.getByRole("status")).toHaveText(`Booked: 1 ticket for ${event.name}. It is yours.`);
  expect(await read(event)).toMatchObject({ reservedTickets: 0, bookedTickets: 1 });
});

test("an offer that is declined goes to the next in line, whose offer ends", async ({ page, open }) => {
  const [{ event, holder, booking }, ada, ben] = await Promise.all([soldOutEvent({ offerMinutes: 30 }), newPerson(), newPerson("Ben Franklin")]);
  await ada.book(event);
  await ben.book(event);
  await signIn(page, ada, "/queue");
  await holder.giveBack(booking);
  await expect(page.locator(".place")).toHaveText("1 ticket is offered to you");
  await page.getByRole("link", { name: "Decline" }).click();
  await expect(page.getByText("You cannot undo this")).toBeVisible();
  await page.getByRole("button", { name: "Decline 1 ticket" }).click();
  await expect(page.getByRole("status")).toHaveText(`Declined. The tickets for ${event.name} go to the next in line.`);
  await page.locator("summary").click();
  await expect(page.locator("details")).toContainText("You declined the offer");

  const other = await open();
  await signIn(other, ben, "/queue");
  await expect(other.locator(".place")).toHaveText("1 ticket is offered to you");
  const [offer] = await ben.reservations();
  letTimeRunOut(offer);
  await expect(other.locator(".place")).toHaveText("The offer has ended");
  await other.reload();
  await expect(other.getByRole("heading", { name: "You are in no queue" })).toBeVisible();
  await other.locator("summary").click();
  await expect(other.locator("details")).toContainText("The offer ended");
  await expect(async () => expect(await read(event)).toMatchObject({ reservedTickets: 0, bookedTickets: 0, availableTickets: 1 })).toPass();
});

test("an organizer sets the minutes, and sees what is reserved", async ({ page, open }) => {
  const event = await newEvent();
  await signIn(page, organizer, `/desk/events/${event.id}/edit`);
  await page.getByLabel("Minutes to check out").fill("2000");
  await page.getByRole("button", { name: "Save changes" }).click();
  await page.getByRole("alert").getByRole("link", { name: "Enter a whole number of minutes from 1 to 1440" }).click();
  await expect(page.getByLabel("Minutes to check out")).toBeFocused();
  await page.getByLabel("Minutes to check out").fill("15");
  await page.getByLabel("Minutes to accept an offer").fill("1440");
  await page.getByRole("button", { name: "Save changes" }).click();
  await expect(page.getByRole("status")).toHaveText("Your changes are saved.");
  expect(await read(event)).toMatchObject({ checkoutMinutes: 15, offerMinutes: 1440 });

  const buyer = await open();
  const ada = await newPerson();
  await signIn(buyer, ada, `/events/${event.id}/book?quantity=3`);
  await expect(buyer.getByText("held for you for 15 minutes")).toBeVisible();
  await buyer.getByRole("button", { name: "Reserve 3 tickets" }).click();
  // The page of the desk is open, and nobody reloads it.
  const reserved = page.locator("#figures div", { hasText: "Reserved" }).getByRole("link");
  await expect(reserved).toHaveText("3");
  await expect(page.getByRole("row", { name: /Stalls/ })).toContainText("0 of 20 · 3 reserved");
  await reserved.click();
  await expect(page.getByRole("row", { name: /Ada Lovelace/ })).toContainText("Reserved");
  await page.getByRole("link", { name: "Confirmed" }).click();
  await expect(page.getByText("There are no such bookings.")).toBeVisible();

  await page.goto(`/desk/events/${event.id}/edit`);
  await page.getByLabel("Minutes to check out").fill("");
  await page.getByRole("button", { name: "Save changes" }).click();
  await expect(page.getByRole("status")).toHaveText("Your changes are saved.");
  expect(await read(event)).toMatchObject({ checkoutMinutes: null, offerMinutes: 1440 });
});
