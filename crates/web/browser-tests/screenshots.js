// Takes the pictures of the documentation into the folder that is named. `make screenshots` runs it on a private system with the
// sample events.
import { join } from "node:path";
import { chromium } from "@playwright/test";
import { call, newGuest, newPerson, organizer, site } from "./api.js";

const DEVICES = {
  phone: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true },
  desktop: { viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1.5 },
};

/** Returns the visitor of the pictures with a booking and a place in a queue, the events of both, and a guest with tickets. */
async function populate() {
  const { items } = await call("GET", "/api/events?limit=100&when=upcoming");
  const onSale = items.filter(({ salesStartAt }) => !salesStartAt || Date.parse(salesStartAt) < Date.now());
  const shown = onSale.find(({ image, availableTickets, ticketTypes }) => image && availableTickets > 10 && ticketTypes.length > 1);
  const soldOut = onSale.find(({ availableTickets, waitlistLength }) => availableTickets === 0 && waitlistLength > 0);
  const ada = await newPerson("Ada Lovelace");
  const entry = await ada.book(soldOut, 1, soldOut.ticketTypes[0].id);
  const type = shown.ticketTypes.find(({ availableTickets }) => availableTickets > 2);
  const guest = await newGuest(shown, 1, "Emmy Noether", type.id);
  return { ada, shown, soldOut, entry, guest, booking: await ada.book(shown, 2, type.id) };
}

/** Returns the address behind the link in the e-mail to a guest, once it was sent. */
async function linkOfGuest(page, { email }) {
  const mail = page.getByRole("row", { name: email }).getByRole("link").first();
  do await page.goto("/dev/mail");
  while ((await mail.count()) === 0);
  await mail.click();
  return page.locator(".mail-text a[href*='/guest?token=']").getAttribute("href");
}

async function signedIn(context, account) {
  const page = await context.newPage();
  await page.goto("/signin");
  await page.locator("#email").fill(account.email);
  await page.locator("#password").fill(account.password);
  await page.locator("main form button").click();
  await page.waitForURL((url) => url.pathname !== "/signin");
  return page;
}

const folder = process.argv[2];
const { ada, shown, soldOut, entry, guest, booking } = await populate();
const isRoot = process.getuid?.() === 0;
const browser = await chromium.launch({ executablePath: process.env.ROWLOCK_CHROMIUM, chromiumSandbox: !isRoot });
try {
  for (const [device, options] of Object.entries(DEVICES)) {
    const take = async (page, name, path) => {
      await page.goto(path);
      await page.evaluate(() => document.fonts.ready);
      await page.mouse.move(0, 0);
      await page.screenshot({ path: join(folder, `${name}-${device}.png`), animations: "disabled" });
    };
    for (const colorScheme of ["light", "dark"]) {
      const context = await browser.newContext({ ...options, baseURL: site, locale: "en-GB", timezoneId: "UTC", colorScheme });
      const page = await signedIn(context, ada);
      const suffix = colorScheme === "dark" ? "-dark" : "";
      await take(page, `events${suffix}`, "/");
      await take(page, `event${suffix}`, `/events/${shown.id}`);
      if (colorScheme === "light") {
        await take(page, "tickets", `/tickets?booked=${booking.id}`);
        await take(page, "codes", `/tickets/${booking.id}`);
        await take(page, "queue", `/queue?joined=${entry.id}`);
        await take(page, "join", `/events/${soldOut.id}/book?type=${soldOut.ticketTypes[1].id}&quantity=2`);
        await take(page, "record", `/events/${soldOut.id}/queue`);
        await take(page, "give", `/tickets/${booking.id}/give`);
        await context.clearCookies();
        await take(page, "guest", await linkOfGuest(page, guest));
        const desk = await signedIn(context, organizer);
        await take(desk, "desk", "/desk");
        await take(desk, "desk-event", `/desk/events/${shown.id}`);
        await take(desk, "checkin", `/desk/events/${shown.id}/checkin?q=lovelace`);
      }
      await context.close();
    }
  }
} finally {
  await browser.close();
}
