// Runs Lighthouse with its mobile settings for test_site_quality.py: a URL a line comes in, a report in JSON a line goes out.
// The browser and its flags are the arguments.
import { createInterface } from "node:readline";
import { launch } from "chrome-launcher";
import lighthouse from "lighthouse";

const [chromePath, ...chromeFlags] = process.argv.slice(2);
const chrome = await launch({ chromePath, chromeFlags });
const onlyCategories = ["performance", "accessibility", "best-practices", "seo"];

for await (const url of createInterface({ input: process.stdin })) {
  const { lhr } = await lighthouse(url, { port: chrome.port, logLevel: "error", onlyCategories });
  const failed = (category) =>
    category.auditRefs
      .filter(({ id, weight }) => weight > 0 && lhr.audits[id].score !== null && lhr.audits[id].score < 1)
      .map(({ id }) => `${id}: ${JSON.stringify(lhr.audits[id].details?.items ?? lhr.audits[id].explanation ?? "")}`);
  const categories = Object.values(lhr.categories);
  const report = {
    error: lhr.runtimeError?.message ?? null,
    scores: Object.fromEntries(categories.map(({ id, score }) => [id, Math.round(100 * score)])),
    failed: categories.filter(({ id }) => id !== "performance").flatMap(failed),
    numbers: Object.fromEntries(
      Object.values(lhr.audits).filter((a) => a.numericValue !== undefined).map((a) => [a.id, a.numericValue]),
    ),
    machine: lhr.environment.benchmarkIndex,
  };
  process.stdout.write(JSON.stringify(report) + "\n");
}
chrome.kill();
