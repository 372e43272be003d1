/* One's own account: password, second factor, sessions. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { after, before, describe, test } from 'node:test';
import { Api, axe, BASE, launch, login, open, password, quiet } from './kit.mjs';

const USER = 'agent4';
const FRESH = 'Ganz-Neu-2026!';
const STEP = 30;
/* RFC 6238 of a base32 secret */
function totp(secret, at = Date.now()) {
  let bits = '';
  for (const c of secret) bits += 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0');
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
  const n = Buffer.alloc(8);
  n.writeBigUInt64BE(BigInt(Math.floor(at / 1000 / STEP)));
  const h = createHmac('sha1', key).update(n).digest();
  const o = h[19] & 15;
  return String((h.readUInt32BE(o) & 0x7fffffff) % 1e6).padStart(6, '0');
}
const menu = async (page, entry) => {
  await page.locator('button.me').click();
  await page.locator('.el-dropdown-menu__item', { hasText: entry }).click();
};

describe('account', () => {
  let browser, page, secret, codes;
  before(async () => {
    browser = await launch();
    page = await open(browser);
    await login(page, USER);
  });
  after(() => browser?.close());

  test('the password is changed; a wrong old one and a weak new one are told', async () => {
    await menu(page, '修改密码');
    await page.fill('#zx-old', 'not-it-at-all');
    await page.fill('#zx-new', FRESH);
    await page.fill('#zx-confirm', `${FRESH}x`);
    await page.getByRole('button', { name: '保存新密码' }).click();
    await page.getByText('两次输入的新密码不一致').waitFor();
    await page.getByText('很强').waitFor();
    await page.fill('#zx-confirm', FRESH);
    await page.getByRole('button', { name: '保存新密码' }).click();
    await page.getByText('原密码不正确').waitFor();
    assert.deepEqual(await axe(page), []);
    await page.fill('#zx-old', password('user', USER));
    await page.getByRole('button', { name: '保存新密码' }).click();
    await page.getByText('密码已修改').waitFor();
    await assert.rejects(Api.login(USER), /401/);
  });

  test('the second factor is set up with one code; recovery codes are shown once', async () => {
    await menu(page, '两步验证');
    await page.locator('.el-dialog').getByText('两步验证未开启').waitFor();
    await page.getByRole('button', { name: '开始设置' }).click();
    await page.getByRole('img', { name: '两步验证的二维码' }).waitFor();
    secret = (await page.locator('.scan code').textContent()).replaceAll(' ', '').trim();
    assert.match(secret, /^[A-Z2-7]{16,}$/);
    assert.deepEqual(await axe(page), []);
    await page.fill('#zx-totp', totp(secret) === '000000' ? '000001' : '000000');
    await page.getByRole('button', { name: '开启两步验证' }).click();
    await page.getByText('验证码不正确').waitFor();
    await page.fill('#zx-totp', totp(secret));
    await page.getByRole('button', { name: '开启两步验证' }).click();
    await page.locator('.el-dialog').getByText('两步验证已开启').first().waitFor();
    codes = (await page.locator('.codes li').allTextContents()).map((c) => c.trim());
    assert.equal(new Set(codes).size, 10);
    assert.deepEqual(await axe(page), []);
    await page.getByRole('button', { name: '我已保存，关闭' }).click();
    await page.getByText('恢复码还没有复制或下载').waitFor();
    await page.getByRole('button', { name: '返回' }).click();
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: '下载', exact: true }).click();
    assert.match((await download).suggestedFilename(), /recovery\.txt$/);
    await page.getByRole('button', { name: '我已保存，关闭' }).click();
    await page.getByText('还有 10 个恢复码可用').waitFor();
  });

  test('login asks for the code after the password: a wrong one is told, a recovery code works once', async () => {
    const second = await open(browser);
    await second.goto(BASE);
    await second.fill('#zx-login', USER);
    await second.fill('#zx-password', FRESH);
    await second.keyboard.press('Enter');
    await second.locator('#zx-code').waitFor();
    assert.deepEqual(await axe(second), []);
    await second.fill('#zx-code', totp(secret, Date.now() + 3_600_000));
    await second.getByText('验证码不正确').waitFor();
    await second.getByText('用恢复码').click();
    await second.fill('#zx-code', codes[0]);
    await second.keyboard.press('Enter');
    await second.waitForSelector('.frame');
    await menu(second, '登录的设备');
    await second.locator('.list li').nth(1).waitFor();
    assert.deepEqual(await axe(second), []);
    /* the other session is ended: its page says so */
    await second.locator('.list li', { hasNotText: '当前' }).getByRole('button', { name: '结束' }).first().click();
    await second.getByText('已结束该登录').waitFor();
    await page.getByText('登录已过期').waitFor();
    assert.deepEqual(await quiet(second), []);
    await second.context().close();
  });

  test('the ended page goes on where it was after logging in again with a code', async () => {
    await page.locator('.el-dialog', { hasText: '登录已过期' }).locator('#zx-password').fill(FRESH);
    await page.keyboard.press('Enter');
    await page.locator('#zx-code').waitFor();
    await page.getByText('用恢复码').click();
    await page.fill('#zx-code', codes[1]);
    await page.keyboard.press('Enter');
    await page.getByText('登录已过期').waitFor({ state: 'hidden' });
    await page.locator('.el-dialog:visible .el-dialog__headerbtn').first().click();
  });

  test('it is taken off with the password', async () => {
    await menu(page, '两步验证');
    await page.getByRole('button', { name: '关闭两步验证' }).click();
    await page.getByPlaceholder('请输入登录密码').fill(FRESH);
    await page.getByRole('button', { name: '关闭两步验证' }).click();
    await page.locator('.el-dialog').getByText('两步验证未开启').waitFor();
    assert.deepEqual(await quiet(page), []);
  });
});
