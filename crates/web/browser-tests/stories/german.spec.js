import { expect, newEvent, newPerson, organizer, signIn, soldOutEvent, test, ticketType } from "../support.js";

test.use({ locale: "de-DE" });

test("a German buyer reads German texts, dates and amounts", async ({ page }) => {
  const event = await newEvent({ ticketTypes: [ticketType("Parkett", 1500, 123450), ticketType("Galerie", 5, 0)] });
  await page.goto(`/events/${event.id}`);
  await expect(page.locator("html")).toHaveAttribute("lang", "de");
  await expect(page.locator(".facts")).toContainText("Freitag, 10. Juli 2099, 18:00");
  await expect(page.locator(".type").first()).toContainText("1.234,50\u00a0€");
  await expect(page.locator(".type").first()).toContainText("1.500");
  await page.getByRole("button", { name: "Ein Ticket mehr" }).click();
  await expect(page.locator("[data-sum]")).toHaveText("2.469,00\u00a0€");
  await page.getByRole("button", { name: "2 Tickets buchen" }).click();
  const ada = await newPerson();
  await page.locator("#email").fill(ada.email);
  await page.locator("#password").fill(ada.password);
  await page.locator("main form button").click();
  await expect(page.locator(".summary .total")).toContainText("2.469,00\u00a0€");
  await page.getByRole("button", { name: "2 Tickets buchen" }).click();
  await expect(page.getByRole("status")).toContainText(event.name);
  await expect(page.locator(".ticket")).toContainText("2 Tickets");
});

test("no English text is left on German pages", async ({ page }) => {
  const { event } = await soldOutEvent();
  const ada = await newPerson();
  await ada.book(event);
  const english = /\b(the|tickets left|sold out|waiting|your|search|sign in|settings|continue|cancel)\b/i;
  const texts = async (path) => {
    await page.goto(path);
    const words = await page.locator("main, header, footer").allInnerTexts();
    return words.join(" ").replaceAll(event.name, "").replaceAll("Grace Hopper", "").replaceAll("Harbor Concert", "");
  };
  await page.goto("/signin");
  await signIn(page, ada);
  for (const path of [`/events/${event.id}`, `/events/${event.id}/book`, "/queue", "/tickets", "/account", "/account/delete", "/help"])
    expect.soft(await texts(path), path).not.toMatch(english);
});

test("the language is switched in the footer and stays", async ({ page }) => {
  await page.goto("/help");
  await page.getByRole("link", { name: "English" }).click();
  await expect(page).toHaveURL(/\/help$/);
  await expect(page.locator("html")).toHaveAttribute("lang", "en");
  await page.goto("/");
  await expect(page.getByRole("heading", { name: "Events", level: 1 })).toBeVisible();
});

test("a switch of the language keeps the search that was made without loading the page", async ({ page }) => {
  const event = await newEvent();
  await page.goto("/");
  await page.getByRole("searchbox").fill(event.name);
  await page.getByRole("searchbox").press("Enter");
  await expect(page.locator(".card")).toHaveCount(1);
  await page.getByRole("link", { name: "English" }).click();
  await expect(page.locator("html")).toHaveAttribute("lang", "en");
  await expect(page.getByRole("searchbox")).toHaveValue(event.name);
  await expect(page.locator(".card")).toHaveCount(1);
});

test("the desk speaks German", async ({ page }) => {
  const event = await newEvent();
  await signIn(page, organizer, `/desk/events/${event.id}`);
  await expect(page.locator(".desk-facts")).toContainText("Veröffentlicht");
  await expect(page.locator(".desk-table")).toContainText("12,50\u00a0€");
});
