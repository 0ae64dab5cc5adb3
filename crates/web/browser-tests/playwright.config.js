// The configuration of `make test-web`, which starts a private system and names it in ROWLOCK_URL.
import { defineConfig } from "@playwright/test";

// Chromium refuses its sandbox to root.
const isRoot = process.getuid?.() === 0;

export default defineConfig({
  testDir: "stories",
  outputDir: "../../../target/test-web/failures",
  workers: 2,
  fullyParallel: true,
  // A flaky test is a bug to be found, not to be retried.
  retries: 0,
  forbidOnly: true,
  timeout: 90_000,
  expect: { timeout: 15_000 },
  reporter: "list",
  use: {
    browserName: "chromium",
    baseURL: process.env.ROWLOCK_URL,
    locale: "en-GB",
    timezoneId: "Europe/Berlin",
    viewport: { width: 1280, height: 800 },
    actionTimeout: 15_000,
    navigationTimeout: 30_000,
    screenshot: "only-on-failure",
    trace: { mode: "retain-on-failure", screenshots: false },
    launchOptions: { executablePath: process.env.ROWLOCK_CHROMIUM, chromiumSandbox: !isRoot },
  },
});
