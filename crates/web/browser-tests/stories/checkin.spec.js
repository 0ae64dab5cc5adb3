// Check-in at the door with a phone: typed codes, the camera, undo, a lost network, and what the role `door` may do.
import { writeFileSync } from "node:fs";
import { chromium } from "@playwright/test";
import { call, expect, newDoorkeeper, newEvent, newPerson, organizer, signIn, test } from "../support.js";

const PHONE = { viewport: { width: 390, height: 800 } };
test.use(PHONE);

/** An event with a booking of Ada, and a doorkeeper who is signed in on the page for check-in. */
async function atTheDoor(page, quantity = 2) {
  const [event, ada, door] = await Promise.all([newEvent(), newPerson(), newDoorkeeper()]);
  const booking = await ada.book(event, quantity);
  const codes = (await ada.tickets(booking)).map(({ code }) => code);
  await signIn(page, door, `/desk/events/${event.id}/checkin`);
  return { event, ada, door, booking, codes };
}

const verdict = (page) => page.locator(".verdict");

/** Types a code as a hand scanner does, and returns when the verdict is there. */
async function scan(page, code, kind) {
  await page.locator("#code").fill(code);
  await page.locator("#code").press("Enter");
  await expect(verdict(page)).toHaveClass(`verdict ${kind}`);
}

const next = (page) => page.getByRole("button", { name: "Next ticket" }).click();
const summary = (event) => organizer.call("GET", `/admin/events/${event.id}/checkins/summary`);

test("a code admits once; the second scan names time and door; undo makes it valid again", async ({ page }) => {
  const { event, codes: [code] } = await atTheDoor(page);
  await expect(page.locator("#counts")).toContainText("0 of 2 are in");
  await page.getByLabel("Name of this door").fill("Door B");
  await scan(page, code, "admitted");
  await expect(verdict(page)).toContainText("Admitted");
  await expect(verdict(page)).toContainText("Ada Lovelace");
  await expect(verdict(page)).toContainText("Stalls");
  await next(page);
  await expect(page.locator("#counts")).toContainText("1 of 2 are in");
  await scan(page, code, "again");
  await expect(verdict(page)).toContainText("Already admitted");
  await expect(verdict(page)).toContainText(/at \d\d:\d\d, Door B/);
  await next(page);
  const recent = page.locator("#recent li");
  await expect(recent).toHaveCount(2);
  await recent.getByRole("button", { name: "Undo Ada Lovelace" }).click();
  await expect(recent.last()).toContainText("Undone");
  expect(await summary(event)).toMatchObject({ checkedIn: 0, expected: 2 });
  await scan(page, code, "admitted");
  await next(page);
  // The name of the door is remembered.
  await page.reload();
  await expect(page.getByLabel("Name of this door")).toHaveValue("Door B");
});

test("codes that do not admit say why", async ({ page }) => {
  const { ada, booking, codes: [first, second] } = await atTheDoor(page);
  await ada.call("POST", `/api/bookings/${booking.id}/tickets/0/replace`);
  const other = await newEvent();
  const foreign = await ada.book(other);
  const [{ code: foreignCode }] = await ada.tickets(foreign);
  const cases = [[first, "Replaced"], [foreignCode, "Wrong event"], ["nonsense", "Unreadable"]];
  for (const [code, word] of cases) {
    await scan(page, code, "refused");
    await expect(verdict(page)).toContainText(word);
    await next(page);
  }
  await ada.giveBack(booking);
  await scan(page, second, "refused");
  await expect(verdict(page)).toContainText("Cancelled");
});

test("a verdict covers the page, and goes by itself, by a tap or by Escape", async ({ page }) => {
  const { codes } = await atTheDoor(page);
  const overlay = page.locator("#overlay");
  await scan(page, codes[0], "admitted");
  await expect(overlay).toBeVisible();
  const box = await overlay.boundingBox();
  expect([box.width, box.height]).toEqual([PHONE.viewport.width, PHONE.viewport.height]);
  await expect(overlay).toBeHidden();
  await scan(page, codes[1], "admitted");
  await page.keyboard.press("Escape");
  await expect(overlay).toBeHidden();
  await expect(page.locator("#code")).toBeFocused();
});

test("somebody without a code is found by name while typing, and admitted with a button", async ({ page }) => {
  const { event } = await atTheDoor(page, 1);
  await page.getByLabel("Search by name").pressSequentially("lovel");
  await page.getByRole("button", { name: "Check in Ada Lovelace" }).click();
  await expect(verdict(page)).toHaveClass("verdict admitted");
  await next(page);
  await expect(page.locator("#found")).toContainText("Already admitted");
  await page.locator("#found").getByRole("button", { name: "Undo Ada Lovelace" }).click();
  await expect(page.locator("#found").getByRole("button", { name: "Check in Ada Lovelace" })).toBeVisible();
  expect((await summary(event)).checkedIn).toBe(0);
});

test("scans without a network are kept, caught when they are double, and sent with their times", async ({ page, context }) => {
  const { event, codes: [one, two] } = await atTheDoor(page, 3);
  await page.getByLabel("Name of this door").fill("Back door");
  await expect.poll(() => page.evaluate(() => localStorage.getItem("rowlock-ticket-keys"))).toContain("Ed25519");
  await context.setOffline(true);
  const before = Date.now();
  for (const code of [one, two]) {
    await scan(page, code, "queued");
    await expect(verdict(page)).toContainText("Genuine, not verified yet");
    await next(page);
  }
  await scan(page, one, "again");
  await expect(verdict(page)).toContainText("On this phone at");
  await next(page);
  await scan(page, `${one.slice(0, -9)}AAAAAAAA${one.slice(-1)}`, "refused");
  await next(page);
  await expect(page.locator("#queue")).toContainText("2 scans are not verified yet.");
  // Another door has admitted the second ticket in the meantime.
  await organizer.call("POST", `/admin/events/${event.id}/checkins`, { code: two, door: "Front door" });
  await context.setOffline(false);
  await expect(page.locator("#queue")).toBeHidden();
  await expect(page.locator("#recent")).toContainText("Admitted");
  const list = (await organizer.call("GET", `/admin/events/${event.id}/doorlist`)).items;
  const checked = list.filter(({ checkedInAt }) => checkedInAt);
  expect(checked).toHaveLength(2);
  // The earliest time wins, so the first scan of the phone has its own time.
  const own = checked.find(({ number }) => number === 0);
  expect(own.door).toBe("Back door");
  expect(Math.abs(Date.parse(own.checkedInAt) - before)).toBeLessThan(20_000);
});

test("scans that wait survive a reload", async ({ page }) => {
  const { event, codes: [code] } = await atTheDoor(page);
  await page.route("**/checkin", (route) => (route.request().method() === "POST" ? route.abort() : route.continue()));
  await page.route("**/checkin/batch", (route) => route.abort());
  await scan(page, code, "queued");
  await next(page);
  await expect(page.locator("#queue")).toContainText("1 scan is not verified yet.");
  await page.reload();
  await expect(page.locator("#queue")).toContainText("1 scan is not verified yet.");
  await page.unroute("**/checkin/batch");
  await page.getByRole("button", { name: "Send now" }).click();
  await expect(page.locator("#queue")).toBeHidden();
  await expect(page.locator("#recent")).toContainText("Ada Lovelace");
  expect((await summary(event)).checkedIn).toBe(1);
});

test("the role door checks people in and sees nothing else of the desk", async ({ page }) => {
  const { event, door } = await atTheDoor(page);
  await page.goto(`/desk/events/${event.id}`);
  const sections = page.getByRole("navigation", { name: "Event", exact: true });
  await expect(sections.getByRole("link")).toHaveText(["Overview", "Check-in", "Door list"]);
  await sections.getByRole("link", { name: "Door list" }).click();
  await page.getByRole("button", { name: "Check in Ada Lovelace" }).first().click();
  await expect(page.getByRole("status").first()).toHaveText("Checked in.");
  const csv = await page.request.get(`/desk/events/${event.id}/doorlist.csv`);
  expect(await csv.text()).toContain("Ada Lovelace");
  for (const path of ["bookings", "waitinglist", "edit", "capacity", "calloff", "bookings.csv"]) {
    expect((await page.request.get(`/desk/events/${event.id}/${path}`)).status(), path).toBe(403);
  }
  for (const path of ["/desk/accounts", "/desk/auditlog", "/desk/events/new"]) expect((await page.request.get(path)).status(), path).toBe(403);
  const token = await door.token();
  await expect(call("GET", `/admin/events/${event.id}/bookings`, { token })).rejects.toThrow("403");
});

/** Writes a film that shows the QR code of a page, which Chromium plays as its camera. */
async function film(page, path) {
  const [width, height] = [640, 480];
  const light = await page.locator(".code-picture img").first().evaluate(async (image, { width, height }) => {
    await image.decode();
    const canvas = new OffscreenCanvas(width, height);
    const context = canvas.getContext("2d");
    context.fillStyle = "#bbb";
    context.fillRect(0, 0, width, height);
    const side = height * 0.85;
    context.drawImage(image, (width - side) / 2, (height - side) / 2, side, side);
    const { data } = context.getImageData(0, 0, width, height);
    return Array.from({ length: width * height }, (_, index) => 16 + Math.round(data[index * 4] * 0.86));
  }, { width, height });
  const frame = Buffer.concat([Buffer.from("FRAME\n"), Buffer.from(light), Buffer.alloc((width * height) / 2, 128)]);
  writeFileSync(path, Buffer.concat([Buffer.from(`YUV4MPEG2 W${width} H${height} F10:1 Ip A1:1 C420jpeg\n`), frame, frame]));
}

test("the camera reads the QR code that a buyer shows", async ({ page, baseURL, launchOptions }, testInfo) => {
  const { event, ada, door, booking } = await atTheDoor(page, 1);
  await page.context().clearCookies();
  await signIn(page, ada, `/tickets/${booking.id}`);
  const path = testInfo.outputPath("camera.y4m");
  await film(page, path);
  const args = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", `--use-file-for-fake-video-capture=${path}`];
  const browser = await chromium.launch({ ...launchOptions, args });
  const phone = await browser.newPage({ baseURL, locale: "en-GB", ...PHONE });
  const errors = [];
  phone.on("pageerror", (error) => errors.push(String(error)));
  phone.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  await signIn(phone, door, `/desk/events/${event.id}/checkin`);
  await phone.getByRole("button", { name: "Scan with the camera" }).click();
  await expect(verdict(phone)).toHaveClass("verdict admitted");
  await expect(verdict(phone)).toContainText("Ada Lovelace");
  // The code is still in the picture, and is not read again.
  await expect(phone.locator("#overlay")).toBeHidden();
  await expect(phone.locator("#counts")).toContainText("1 of 1 are in");
  await expect(phone.locator("video")).toBeVisible();
  await expect(phone.locator("#recent li")).toHaveCount(1);
  await phone.getByRole("button", { name: "Stop the camera" }).click();
  await expect(phone.locator("video")).toBeHidden();
  expect(errors).toEqual([]);
  await browser.close();
});
