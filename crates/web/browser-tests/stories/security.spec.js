import { expect, newEvent, newPerson, organizer, signIn, site, test, ticketType, unique } from "../support.js";

const SCRIPT = "<script>window.hacked = true</script><img src=x onerror=\"window.hacked = true\">";

test("scripts in stored texts are shown as text on every page, and nothing is blocked because nothing is tried", async ({ page, problems }) => {
  const name = unique("Evil");
  const event = await newEvent({
    name: `${name} ${SCRIPT}`.slice(0, 190),
    venue: `"><svg onload="window.hacked = true"> ${SCRIPT}`.slice(0, 190),
    description: `**bold** ${SCRIPT} [link](javascript:window.hacked=true) ![picture](https://evil.example/x.png)\n\n</script><style>body{display:none}</style>`,
    ticketTypes: [ticketType(`Type ${SCRIPT}`.slice(0, 90), 2, 100)],
  });
  const eve = await newPerson(`Eve ${SCRIPT}`);
  const booking = await eve.book(event);
  const waiting = await newPerson(`Mallory ${SCRIPT}`);
  const entry = await waiting.book(event, 2);
  const requests = [];
  page.on("request", (request) => requests.push(new URL(request.url()).origin));
  const visit = async (paths) => {
    for (const path of paths) {
      await page.goto(path);
      expect(await page.evaluate(() => window.hacked), path).toBeUndefined();
      await expect(page.locator("main img, main svg[onload], main script"), path).toHaveCount(0);
    }
  };
  await visit([`/?q=${name}`, `/?q=${encodeURIComponent(SCRIPT)}`, `/events/${event.id}`]);
  await expect(page.getByRole("heading", { level: 1 })).toContainText("<script>window.hacked");
  await expect(page.getByRole("link", { name: "link" })).toHaveCount(0);
  await signIn(page, eve);
  await visit([`/tickets?booked=${booking.id}`, `/tickets/${booking.id}/return`, `/events/${event.id}/book`, "/account"]);
  await page.context().clearCookies();
  await signIn(page, waiting);
  await visit(["/queue", `/queue/${entry.id}`]);
  await page.context().clearCookies();
  await signIn(page, organizer, "/desk");
  const desk = `/desk/events/${event.id}`;
  const pages = ["", "/edit", "/duplicate", "/capacity", "/bookings", "/bookings/new", "/waitinglist", "/transfers", "/calloff"].map((path) => desk + path);
  await visit([`/desk?q=${name}`, ...pages, `/desk/accounts?q=${eve.email}`, "/desk/auditlog"]);
  expect(new Set(requests)).toEqual(new Set([new URL(site).origin]));
  expect(problems).toEqual([]);
});

test("what the Content-Security-Policy blocks is noticed by every story", async ({ page, problems }) => {
  await page.goto("/help");
  await page.evaluate(() => document.body.append(Object.assign(new Image(), { src: "https://evil.example/x.png" })));
  await expect.poll(() => problems.join()).toContain("CSP: img-src blocked https://evil.example/x.png");
  await page.evaluate(() => document.body.append(Object.assign(document.createElement("script"), { textContent: "window.hacked = true" })));
  await expect.poll(() => problems.join()).toContain("CSP: script-src-elem blocked inline");
  expect(await page.evaluate(() => window.hacked)).toBeUndefined();
  problems.length = 0;
});

test("no other site can frame a page", async ({ page, problems }) => {
  const event = await newEvent();
  const frame = `<iframe src="${site}/events/${event.id}"></iframe>`;
  await page.route("http://evil.example/", (route) => route.fulfill({ contentType: "text/html", body: frame }));
  await page.goto("http://evil.example/");
  await expect.poll(() => page.frames()[1]?.url()).toMatch(/^chrome-error:/);
  // The refusal itself is what the console should say.
  problems.length = 0;
});

test("a form of another site is refused", async ({ page }) => {
  const [event, ada] = await Promise.all([newEvent(), newPerson()]);
  await signIn(page, ada);
  const form = `<form method="post" action="${site}/events/${event.id}/book"><input name="quantity" value="2"><button>Win</button></form>`;
  await page.route("http://evil.example/", (route) => route.fulfill({ contentType: "text/html", body: form }));
  await page.goto("http://evil.example/");
  await page.getByRole("button", { name: "Win" }).click();
  await expect(page.getByRole("heading", { name: "This form came from another site" })).toBeVisible();
  expect(await ada.bookings()).toHaveLength(0);
});

for (const next of ["https://evil.example/", "//evil.example/", "/\\evil.example", "/\t/evil.example", "javascript:alert(1)"]) {
  test(`next=${JSON.stringify(next)} leads to this site's first page`, async ({ page }) => {
    const ada = await newPerson();
    await signIn(page, ada, next);
    await expect(page).toHaveURL(`${site}/`);
    await page.goto(`/language/de?next=${encodeURIComponent(next)}`);
    await expect(page).toHaveURL(`${site}/`);
  });
}

test("the session is out of the reach of scripts", async ({ page, context }) => {
  await signIn(page, await newPerson());
  const session = (await context.cookies()).find(({ name }) => name === "rowlock_session");
  expect(session).toMatchObject({ httpOnly: true, sameSite: "Lax" });
  expect(await page.evaluate(() => document.cookie)).not.toContain("rowlock_session");
});
