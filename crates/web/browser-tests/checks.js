// Checks that every page must pass: axe, no sideways scrolling, touch targets.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { expect } from "@playwright/test";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** Smallest height of what is tapped, in pixels. Links within text are exempt, as in WCAG 2.2. */
const TARGET = 44;
const WIDTHS = [360, 1280];
const SCHEMES = ["light", "dark"];

const axeFindings = (page) =>
  page.evaluate(async () => {
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const { violations } = await globalThis.axe.run(document, { runOnly: tags, resultTypes: ["violations"] });
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary}`));
  });

/** Returns the elements that stick out of the page to the right. Boxes that scroll by themselves are exempt. */
const overflowing = (page) =>
  page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    const isScrolled = (element) => element.closest(".table-box, .desk-nav, .filters, pre");
    const isOutside = (element) => element.getBoundingClientRect().right > width + 0.5 && !isScrolled(element);
    const found = [...document.querySelectorAll("body *")].filter(isOutside).map((element) => element.outerHTML.slice(0, 160));
    return [`the page is ${document.documentElement.scrollWidth} px wide`, ...found];
  });

/** Returns the buttons, fields and navigation links that are too small to be tapped. */
const smallTargets = (page) =>
  page.evaluate((least) => {
    const controls = document.querySelectorAll(
      "button, .button, .chip, summary, select, textarea, .brand, nav a, input:not([type=hidden]):not([type=radio]):not([type=checkbox]), label:has(input)",
    );
    const isShown = (element) => element.checkVisibility() && !element.closest(".visually-hidden");
    return [...controls]
      .filter((element) => isShown(element) && element.getBoundingClientRect().height < least - 0.5)
      .map((element) => `${element.getBoundingClientRect().height} px: ${element.outerHTML.slice(0, 160)}`);
  }, TARGET);

/** Checks the page that is shown, at each width and in each color scheme. */
export async function checkPage(page, name) {
  await page.evaluate(AXE);
  for (const width of WIDTHS) {
    await page.setViewportSize({ width, height: 800 });
    for (const colorScheme of SCHEMES) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      expect.soft(await axeFindings(page), `axe on ${name}, ${width} px, ${colorScheme}`).toEqual([]);
    }
    expect.soft(await overflowing(page), `${name} scrolls sideways at ${width} px`).toEqual([]);
    if (width === 360) expect.soft(await smallTargets(page), `${name} has small targets`).toEqual([]);
  }
}

/** Opens a page of the site and checks it. */
export async function checkPath(page, path, status = 200) {
  const response = await page.goto(path);
  expect.soft(response.status(), path).toBe(status);
  await checkPage(page, path.replace(/[0-9a-f-]{36}/g, "…"));
}
