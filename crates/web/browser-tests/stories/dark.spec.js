import { expect, newEvent, newPerson, signIn, test } from "../support.js";

test.use({ colorScheme: "dark" });

/** Returns how bright a color is, from 0 to 1. */
const brightness = (color) => {
  const [red, green, blue] = color.match(/[\d.]+/g).map(Number);
  return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255;
};

test("in a dark scheme pages are dark, text is bright, and fields and scroll bars follow", async ({ page }) => {
  const event = await newEvent();
  await signIn(page, await newPerson(), `/events/${event.id}`);
  for (const path of [`/events/${event.id}`, "/", "/tickets", "/account"]) {
    await page.goto(path);
    const style = await page.evaluate(() => {
      const { backgroundColor, color } = getComputedStyle(document.body);
      return { backgroundColor, color, scheme: getComputedStyle(document.documentElement).colorScheme };
    });
    expect(brightness(style.backgroundColor), path).toBeLessThan(0.15);
    expect(brightness(style.color), path).toBeGreaterThan(0.8);
    expect(style.scheme).toBe("light dark");
  }
});
