/* From an empty system to the first call: the administrator's first minutes, with a daemon of its own. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { start } from './daemon.mjs';

const SHOTS = process.env.ZX_SHOTS;
const daemon = await start({ demo: false });
Object.assign(process.env, daemon.env);
const { axe, BASE, goto, launch, open, password, Phone, quiet } = await import('./kit.mjs');
const shot = (page, name) => (SHOTS ? page.screenshot({ path: `${SHOTS}/${name}.png` }) : undefined);
const FRESH = 'Erst-Mal-2026!';

describe('the first minutes', () => {
  let browser, page, phones, users;
  before(async () => {
    browser = await launch();
    page = await open(browser);
  });
  after(async () => {
    phones?.forEach((p) => p.close());
    await browser?.close();
    await daemon.stop();
  });

  test('the first password has to be changed; weak ones are refused', async () => {
    await page.goto(BASE);
    await page.fill('#zx-login', 'admin');
    await page.fill('#zx-password', password('user', 'admin'));
    await page.keyboard.press('Enter');
    await page.getByText('首次登录，请先设置新密码').waitFor();
    await page.fill('#zx-old', password('user', 'admin'));
    await page.fill('#zx-new', 'abc');
    await page.fill('#zx-confirm', 'abc');
    await page.click('button[type=submit]');
    await page.getByText('密码太简单').waitFor();
    assert.deepEqual(await axe(page), []);
    await page.fill('#zx-new', FRESH);
    await page.fill('#zx-confirm', FRESH);
    await page.click('button[type=submit]');
    await page.waitForSelector('.frame');
  });

  test('the guide opens by itself and says what is wrong before it is sent', async () => {
    await page.getByRole('heading', { name: '首次设置' }).waitFor();
    await page.fill('#zx-setup-agents', '500');
    await page.getByText('应在 1 和 200 之间').waitFor();
    await page.fill('#zx-setup-agents', '3');
    await page.fill('#zx-setup-queue_number', '8002');
    await page.getByText('已经存在').waitFor();
    await page.fill('#zx-setup-queue_number', '9001');
    await page.fill('#zx-setup-company', '测试公司');
    await page.getByText('8001 – 8003').waitFor();
    assert.deepEqual(await axe(page), []);
    await shot(page, 'setup-begin');
    await page.getByRole('button', { name: '建立', exact: true }).click();
    await page.getByText('已建立 3 个座席').waitFor();
    await shot(page, 'setup-passwords');
  });

  test('passwords are shown once and downloaded; leaving without them asks', async () => {
    await page.getByRole('button', { name: '下一步' }).click();
    await page.getByText('密码还没有下载').waitFor();
    await page.getByRole('button', { name: '返回' }).click();
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: '下载密码表' }).click();
    const lines = readFileSync(await (await download).path(), 'utf8').replace('\ufeff', '').trim().split('\r\n').map((l) => l.split(','));
    users = lines.slice(1).map(([login, pw, , extension, secret]) => ({ login, pw, extension, secret }));
    assert.deepEqual(users.map((u) => u.extension), ['8001', '8002', '8003']);
    assert.ok(users.every((u) => u.pw.length >= 12 && u.secret.length >= 12));
    assert.deepEqual(await axe(page), []);
    await page.getByRole('button', { name: '下一步' }).click();
    await page.getByText('正在等待话机注册').waitFor();
  });

  test('settings and QR code are shown; a phone that registers is seen at once', async () => {
    await page.getByRole('button', { name: '显示注册信息和二维码' }).click();
    await page.locator('figure img').waitFor();
    await page.getByText('其他话机').click();
    await page.locator('figure img').waitFor();
    await page.getByRole('button', { name: '显示 / 隐藏密码' }).click();
    await page.getByText(users[0].secret).waitFor();
    assert.deepEqual(await axe(page), []);
    await shot(page, 'setup-phone');
    phones = users.slice(0, 2).map((u) => new Phone(u.extension, u.secret));
    await phones[0].do('register');
    await page.getByText('话机已注册：8001').waitFor();
    await phones[1].do('register');
    await page.getByText('话机已注册：8001、8002').waitFor();
  });

  test('left and come back to: it goes on where it was', async () => {
    await page.reload();
    await page.waitForSelector('.frame');
    await page.getByText('请用 8001 的话机拨打 8002').waitFor();
    await shot(page, 'setup-call');
  });

  test('the first call is celebrated', async () => {
    const incoming = phones[1].do('incoming');
    await phones[0].do('call', { number: '8002' });
    await incoming;
    await page.getByText('8001 正在呼叫 8002').waitFor();
    await phones[1].do('answer');
    await phones[0].do('answered');
    await page.getByText('打通了！').waitFor();
    assert.deepEqual(await axe(page), []);
    await shot(page, 'setup-cheer');
    const ended = phones[1].do('ended');
    await phones[0].do('bye');
    await ended;
    await page.getByRole('button', { name: '下一步' }).click();
    await page.getByText('其余设置').first().waitFor();
    await page.locator('.list li', { hasText: '中继' }).getByText('去设置').waitFor();
    await shot(page, 'setup-rest');
  });

  test('the home page keeps the list of what is missing, until it is sent away', async () => {
    await goto(page, '/');
    await page.getByText('系统还差几步就绪').waitFor();
    assert.deepEqual(await axe(page), []);
    await shot(page, 'setup-home');
    await page.getByRole('button', { name: '不再显示' }).click();
    await page.getByText('系统还差几步就绪').waitFor({ state: 'detached' });
    await page.reload();
    await page.getByText('今日通话').first().waitFor();
    assert.equal(await page.getByText('系统还差几步就绪').count(), 0);
  });

  test('an agent logs in with the password from the file, and has to change it', async () => {
    const other = await open(browser);
    await other.goto(BASE);
    await other.fill('#zx-login', users[2].login);
    await other.fill('#zx-password', users[2].pw);
    await other.keyboard.press('Enter');
    await other.getByText('首次登录，请先设置新密码').waitFor();
    await other.context().close();
  });

  test('nothing complained', async () => assert.deepEqual(await quiet(page), []));
});
