import { chromium } from "playwright-core";
const [base, pw, out, ...paths] = process.argv.slice(2);
const b = await chromium.launch({ executablePath: "/usr/bin/chromium", args: ["--no-sandbox"] });
const p = await b.newPage({ viewport: { width: 1280, height: 900 } });
await p.goto(base + "/");
await p.fill('input[autocomplete="username"]', "admin");
await p.fill('input[type="password"]', pw);
await p.click('button[type="submit"]');
await p.waitForTimeout(3000);
let i = 0;
for (const path of paths) { await p.goto(base + path); await p.waitForTimeout(4000); await p.screenshot({ path: `${out}-${i++}.png`, fullPage: true }); }
await b.close();
