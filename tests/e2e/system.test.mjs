/* System pages: status, maintenance, help, knowledge base, the log. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Api, axe, goto, launch, login, open, quiet } from './kit.mjs';

const SHOTS = process.env.ZX_SHOTS;
const shot = (page, name) => (SHOTS ? page.screenshot({ path: `${SHOTS}/${name}.png` }) : undefined);

describe('system', () => {
  let browser, page, api;
  before(async () => {
    browser = await launch();
    api = await Api.login('admin');
    page = await open(browser);
    await login(page, 'admin');
  });
  after(() => browser?.close());

  test('status: lamps, figures that move, disks and network', async () => {
    await goto(page, '/status');
    await page.locator('.lamps').getByText('PBX').waitFor();
    const at = () => page.locator('.page:visible .zx-headline .zx-muted').textContent();
    const t = await at();
    await page.waitForFunction((v) => document.querySelector('.page:not([style*="none"]) .zx-headline .zx-muted')?.textContent !== v, t);
    await page.locator('table').getByText('数据').first().waitFor();
    assert.ok(await page.evaluate(() => document.querySelector('canvas.spark').width > 50));
    assert.deepEqual(await axe(page), []);
    await shot(page, 'status');
  });

  test('maintenance: a backup is made, listed, verified, and made ready to restore only after typing', async () => {
    await goto(page, '/maintenance');
    await page.getByRole('button', { name: '立即备份' }).click();
    await page.fill('#zx-bpass', 'kurz');
    await page.fill('#zx-bpass2', 'kurz');
    await page.getByRole('button', { name: '开始备份' }).click();
    await page.getByText('至少 10 位').waitFor();
    await page.fill('#zx-bpass', 'ein langes Wort');
    await page.fill('#zx-bpass2', 'ein langes Wort');
    assert.deepEqual(await axe(page), []);
    await page.getByRole('button', { name: '开始备份' }).click();
    await page.getByText('备份完成').waitFor({ timeout: 40_000 });
    await page.locator('.el-dialog').getByRole('button', { name: '关闭', exact: true }).last().click();
    const row = page.locator('.zx-table tbody tr', { hasText: '已加密' }).first();
    await row.waitFor();
    await row.getByText('恢复', { exact: true }).click();
    await page.fill('#zx-pass', 'das falsche Wort');
    await page.locator('.el-dialog').getByRole('button', { name: '检验' }).click();
    await page.locator('.el-dialog').getByText('口令不正确').waitFor({ timeout: 30_000 });
    await page.fill('#zx-pass', 'ein langes Wort');
    await page.locator('.el-dialog').getByRole('button', { name: '检验' }).click();
    await page.getByText('备份完好').waitFor({ timeout: 30_000 });
    assert.equal(await page.locator('.el-dialog .el-button--danger').isDisabled(), true);
    assert.deepEqual(await axe(page), []);
    await shot(page, 'restore');
    await page.fill('#zx-type', 'RESTORE');
    await page.locator('.el-dialog .el-button--danger').click();
    await page.getByText('准备就绪').first().waitFor({ timeout: 40_000 });
    await page.getByRole('button', { name: '以后再说' }).click();
    await page.getByText('已准备好，重启服务时恢复').waitFor();
    await shot(page, 'maintenance');
    await page.getByRole('button', { name: '取消恢复' }).click();
    await page.getByText('已准备好，重启服务时恢复').waitFor({ state: 'detached' });
    await row.getByText('删除').click();
    await page.locator('.el-message-box .el-button--danger').click();
    await page.getByText('已删除 1 项').waitFor();
  });

  test('the database is checked; nightly backups are set; the machine cannot be switched off from here', async () => {
    await page.getByRole('button', { name: '检查', exact: true }).click();
    await page.locator('.verdict').getByText('数据库完好').waitFor({ timeout: 30_000 });
    await page.locator('.nightly .at input').fill('25:00');
    assert.equal(await page.locator('.nightly').getByRole('button', { name: '保存' }).isDisabled(), true);
    await page.locator('.nightly .at input').fill('02:30');
    await page.locator('.nightly').getByRole('button', { name: '保存' }).click();
    await page.getByText('自动备份设置已保存').waitFor();
    assert.equal((await api.call('GET', '/system/maintenance')).settings.at, '02:30');
    await page.getByText('网页上不能重启或关闭机器').waitFor();
    assert.deepEqual(await axe(page), []);
  });

  test('help: the account of a phone, its QR code, copied', async () => {
    await goto(page, '/help');
    await page.getByRole('button', { name: '显示注册信息和二维码' }).click();
    await page.locator('figure img').waitFor();
    assert.ok(await page.evaluate(() => document.querySelector('figure img').naturalWidth > 0));
    await page.getByText('话机显示注册失败怎么办').click();
    await page.getByText('先核对服务器地址和端口').waitFor();
    assert.deepEqual(await axe(page), []);
    await shot(page, 'help');
  });

  test('knowledge base: written, found, read in a window of its own', async () => {
    const word = `退款${Date.now() % 100000}`;
    await goto(page, '/r/articles');
    await page.getByRole('button', { name: '添加文章' }).click();
    await page.fill('#zx-edit-subject', `${word}流程`);
    await page.fill('#zx-edit-body', `# 步骤\n\n1. 核对订单\n2. 登记 **退款单**\n\n- 当天到账\n\n<script>alert(1)</script>`);
    await page.locator('.el-drawer.open .el-drawer__footer .el-button--primary').click();
    const article = page.locator('.read article');
    await article.getByRole('heading', { name: `${word}流程` }).waitFor();
    await article.getByRole('heading', { name: '步骤' }).waitFor();
    assert.equal(await article.locator('ol li').count(), 2);
    assert.equal(await article.locator('b').textContent(), '退款单');
    await article.getByText('<script>alert(1)</script>').waitFor();
    assert.deepEqual(await axe(page), []);
    await shot(page, 'kb');
    await page.getByPlaceholder('搜索标题和正文').fill('没有这个词');
    await page.getByText('没有符合条件的记录').waitFor();
    await page.getByPlaceholder('搜索标题和正文').fill(word);
    await page.locator('.item', { hasText: word }).waitFor();
    const popup = page.waitForEvent('popup');
    await page.getByText('弹出查看').click();
    const w = await popup;
    await w.getByRole('heading', { name: `${word}流程` }).waitFor();
    assert.equal(await w.locator('.frame').count(), 0);
    assert.deepEqual(await axe(w), []);
    await w.close();
    await page.locator('.read').getByText('删除').click();
    await page.locator('.el-message-box .el-button--danger').click();
    await page.getByText('已删除 1 项').waitFor();
  });

  test('the log tells who changed what, value by value', async () => {
    const d = await api.call('POST', '/departments', { name: `售后${Date.now() % 10000}` });
    await api.call('PUT', `/departments/${d.id}`, { rev: d.rev, name: `${d.name}部` });
    await goto(page, '/r/audit');
    await page.locator('.page:visible tbody tr').first().waitFor();
    await page.locator('.page:visible tbody tr', { hasText: '部门管理' }).filter({ hasText: '修改' }).first().locator('td').nth(1).click();
    const drawer = page.locator('.el-drawer.open');
    await drawer.getByText('操作详情').waitFor();
    await drawer.locator('tr', { hasText: '部门名称' }).getByText(`${d.name}部`).waitFor();
    assert.deepEqual(await axe(page), []);
    await shot(page, 'audit');
    await page.keyboard.press('Escape');
    await page.locator('.el-drawer.open').waitFor({ state: 'detached' });
  });

  test('nothing complained', async () => assert.deepEqual(await quiet(page), []));
});
