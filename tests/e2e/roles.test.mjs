/* Roles, users' accounts, parameters, logo: who may what. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Api, axe, BASE, goto, launch, login, open, quiet } from './kit.mjs';

const SHOTS = process.env.ZX_SHOTS;
const shot = (page, name) => (SHOTS ? page.screenshot({ path: `${SHOTS}/${name}.png` }) : undefined);
const NAME = `质检员${Date.now() % 10000}`;
const LOGIN = `qa${Date.now() % 100000}`;
const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAoAAAAKCAIAAAACUFjqAAAAEklEQVR4nGNgaPiPB41Kj1hpALrZlDmzn1vdAAAAAElFTkSuQmCC', 'base64');

describe('rights', () => {
  let browser, page, api, user;
  before(async () => {
    browser = await launch();
    api = await Api.login('admin');
    page = await open(browser);
    await login(page, 'admin');
    await goto(page, '/r/roles');
    await page.locator('.role').first().waitFor();
  });
  after(() => browser?.close());

  test('the role that may do everything is shown, not changed', async () => {
    await page.locator('.role', { hasText: '系统管理员' }).click();
    await page.getByText('系统管理员的权限不能修改').waitFor();
    assert.equal(await page.locator('.matrix tbody input:not([disabled])').count(), 0);
    assert.deepEqual(await axe(page), []);
    await shot(page, 'roles');
  });

  test('a new role: single rights, a whole row, a search; what one may press one may see', async () => {
    await page.keyboard.press('Alt+a');
    await page.getByRole('button', { name: '保存', exact: true }).click();
    await page.getByText('不能为空').waitFor();
    await page.fill('#zx-role-name', NAME);
    const cell = (row, action) => page.locator('.matrix tr', { has: page.getByText(row, { exact: true }) }).getByLabel(`${row}: ${action}`);
    await cell('通话记录', '导出').check();
    assert.equal(await cell('通话记录', '查看').isChecked(), true);
    await page.getByPlaceholder('查找页面或操作').fill('知识');
    await page.locator('.matrix tr:not(.group)').getByLabel('知识库', { exact: true }).check();
    await page.getByPlaceholder('查找页面或操作').fill('');
    await page.getByText('可以使用 2 个页面').waitFor();
    await page.locator('.scope').getByText('本公司').click();
    assert.deepEqual(await axe(page), []);
    await page.getByRole('button', { name: '保存', exact: true }).click();
    await page.getByText(`已保存 ${NAME}`).waitFor();
    const role = (await api.call('GET', '/roles?size=100')).rows.find((r) => r.name === NAME);
    assert.equal(role.scope, 'company');
    assert.ok(role.rights.includes('calls:list') && role.rights.includes('calls:export') && role.rights.includes('articles:delete'));
    assert.ok(!role.rights.includes('calls:download') && !role.rights.includes('users:list'));
    user = await api.call('POST', '/users', { login: LOGIN, name: '小质', role_id: role.id, password: 'Erst-Mal-2026!' });
  });

  test('somebody with that role sees these pages and no others', async () => {
    const other = await open(browser);
    await other.goto(BASE);
    await other.fill('#zx-login', LOGIN);
    await other.fill('#zx-password', 'Erst-Mal-2026!');
    await other.keyboard.press('Enter');
    await other.fill('#zx-old', 'Erst-Mal-2026!');
    await other.fill('#zx-new', 'Zweites-Mal-2026!');
    await other.fill('#zx-confirm', 'Zweites-Mal-2026!');
    await other.click('button[type=submit]');
    await other.waitForSelector('.frame');
    await other.getByRole('link', { name: '知识库', exact: true }).waitFor();
    await other.getByRole('link', { name: '通话记录', exact: true }).waitFor();
    assert.equal(await other.getByText('PBX设置').count(), 0);
    assert.equal(await other.getByText('权限管理').count(), 0);
    await goto(other, '/r/users');
    await other.getByText('没有这个页面').waitFor();
    assert.deepEqual(await axe(other), []);
    assert.deepEqual(await quiet(other), []);
    await other.context().close();
  });

  test('an account is locked after a question and unlocked; a new password is shown once', async () => {
    await goto(page, '/r/users');
    const row = page.locator('.page:visible tbody tr', { hasText: LOGIN });
    await row.waitFor();
    const act = async (entry) => {
      await row.getByRole('button', { name: '账号 小质' }).click();
      await page.locator('.el-dropdown-menu__item:visible', { hasText: entry }).click();
    };
    await act('锁定账号');
    await page.locator('.el-message-box .el-button--danger').click();
    await page.getByText('小质 已锁定').waitFor();
    assert.equal((await api.call('GET', `/users/${user.id}`)).state, 'locked');
    await page.locator('.el-message').waitFor({ state: 'detached' });
    await act('解锁账号');
    await page.getByText('小质 已解锁').waitFor();
    await act('重置密码');
    await page.locator('.el-message-box .el-button--primary').click();
    await page.getByText('小质 的新密码').waitFor();
    const pw = (await page.locator('.el-dialog dd').nth(1).textContent()).trim();
    assert.match(pw, /^\S{10,}$/);
    assert.deepEqual(await axe(page), []);
    const r = await fetch(`${BASE}/api/v1/session`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ login: LOGIN, password: pw }) });
    assert.equal((await r.json()).mustChange, true);
    await page.locator('.el-dialog').getByRole('button', { name: '关闭', exact: true }).last().click();
  });

  test('a copy of a role; a role is deleted only when nobody has it, or after a question', async () => {
    await goto(page, '/r/roles');
    await page.locator('.role', { hasText: NAME }).click();
    await page.locator('.foot').getByRole('button', { name: '复制' }).click();
    await page.getByRole('button', { name: '保存', exact: true }).click();
    await page.getByText(`已保存 ${NAME} 副本`).waitFor();
    await page.locator('.foot').getByRole('button', { name: '删除' }).click();
    await page.locator('.el-message-box .el-button--danger').click();
    await page.getByText('已删除 1 项').waitFor();
    assert.equal((await api.call('GET', '/roles?size=100')).rows.filter((r) => r.name.startsWith(NAME)).length, 1);
  });

  test('parameters are saved; a shorter time is warned about', async () => {
    await goto(page, '/params');
    const days = page.getByLabel('录音保存时间 天');
    await days.fill('0');
    await page.getByText('应在 1 和 36500 之间').waitFor();
    await days.fill('90');
    await page.getByText('更早的数据会在当天夜里被删除').waitFor();
    assert.deepEqual(await axe(page), []);
    await shot(page, 'params');
    await page.locator('.page:visible').getByRole('button', { name: '保存', exact: true }).click();
    await page.getByText('系统参数已保存').waitFor();
    assert.equal((await api.call('GET', '/params')).keep_recordings, 90);
  });

  test("a logo is previewed, uploaded, and stands in the toolbar; what is no picture is refused", async () => {
    await goto(page, '/r/companies');
    const row = page.locator('.page:visible tbody tr').first();
    await row.getByText('上传logo').click();
    const file = page.locator('.el-dialog input[type=file]');
    await file.setInputFiles({ name: 'a.txt', mimeType: 'text/plain', buffer: Buffer.from('x') });
    await page.getByText('只支持 PNG、JPEG 或 WebP').waitFor();
    await file.setInputFiles({ name: 'logo.png', mimeType: 'image/png', buffer: PNG });
    await page.locator('.el-dialog .see img').first().waitFor();
    assert.deepEqual(await axe(page), []);
    await page.getByRole('button', { name: '上传', exact: true }).click();
    await page.getByText('logo 已更新').waitFor();
    await page.locator('.brand img.own').waitFor();
    await row.getByText('上传logo').click();
    await page.getByRole('button', { name: '删除logo' }).click();
    await page.locator('.el-message-box .el-button--danger').click();
    await page.getByText('logo 已删除').waitFor();
    await page.locator('.brand img:not(.own)').waitFor();
  });

  test('nothing complained', async () => assert.deepEqual(await quiet(page), []));
});
