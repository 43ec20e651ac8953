import AxeSource from 'node:fs';
import { test } from 'vitest';
import { openBrowser, openPage, startApp } from './browser-shell';

const axe = AxeSource.readFileSync('node_modules/axe-core/axe.min.js', 'utf8');
test('shots', async () => {
  const app = await startApp();
  const browser = await openBrowser();
  try {
    for (const scheme of ['dark', 'light'] as const) {
      const { page, problems } = await openPage(browser, app, {
        viewport: scheme === 'dark' ? { width: 1440, height: 900 } : { width: 1024, height: 700 },
        colorScheme: scheme,
      });
      const shot = async (name: string) => {
        await page.waitForTimeout(250);
        await page.screenshot({ path: `/tmp/mshots/${scheme}-${name}.png` });
        await page.evaluate(axe);
        const r = await page.evaluate(async () =>
          (
            await (globalThis as any).axe.run(document, {
              runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'],
            })
          ).violations.map(
            (v: any) =>
              `${v.id}: ${v.nodes
                .map((n: any) => n.target.join(' ') + ' ' + n.failureSummary)
                .slice(0, 3)
                .join(' | ')}`,
          ),
        );
        console.log(scheme, name, r);
      };
      await page.getByRole('button', { name: 'Run the example' }).click();
      await page.waitForTimeout(4500);
      await page.getByRole('button', { name: /^Next/ }).click();
      await page.waitForTimeout(2500);
      await shot('welcome');
      await page.keyboard.press('Escape');
      await shot('main');
      await page.keyboard.press('Control+k');
      await shot('palette');
      await page.keyboard.type('about');
      await page.keyboard.press('Enter');
      await shot('about');
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: 'New machine' }).click();
      await shot('form');
      await page.getByLabel('Memory').fill('lots');
      await page.getByLabel('Sockets').fill('2');
      await page.getByLabel('Threads a core').fill('2');
      await page.getByText('Choose APIC ids').click();
      await page.getByRole('textbox', { name: 'APIC ids' }).fill('0,1,2,3');
      await page.waitForTimeout(500);
      await shot('form-bad');
      await page.keyboard.press('Escape');
      await page.getByRole('button', { name: 'Actions for heartbeat' }).click();
      await shot('menu');
      await page.keyboard.press('Escape');
      console.log(problems);
      await page.context().close();
    }
  } finally {
    await browser.close();
    await app.stop();
    console.log(app.errors());
  }
}, 120_000);
