/* 更新配置: what changed, what is wrong with it, applying it, going back. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Api, axe, goto, launch, login, open, quiet } from './kit.mjs';

const SHOTS = process.env.ZX_SHOTS;
const shot = (page, name) => (SHOTS ? page.screenshot({ path: `${SHOTS}/${name}.png` }) : undefined);
const settled = (page) => page.getByText('所有设置都已生效').waitFor();

describe('apply', () => {
  let browser, page, api, queue, members;
  before(async () => {
    browser = await launch();
    api = await Api.login('admin');
    const c = await api.call('GET', '/config');
    if (c.companies.some((x) => x.dirty)) await api.call('POST', '/config/apply', { hash: c.draftHash });
    page = await open(browser);
    await login(page, 'admin');
  });
  after(() => browser?.close());

  test('a change shows in the toolbar of an open page, and leads to the difference', async () => {
    members = (await api.call('GET', '/extensions?size=3&sort=number')).rows.map((r) => r.id);
    queue = await api.call('POST', '/queues', { name: `值班${Date.now() % 100000}`, number: String(91000 + (Date.now() % 900)), members });
    await page.locator('button.chip').click();
    await page.getByText('1 项修改尚未生效').waitFor();
    const change = page.locator('li.change', { hasText: queue.name });
    await change.getByText('新增').waitFor();
    await change.getByText(queue.number).first().waitFor();
    assert.deepEqual(await axe(page), []);
    await shot(page, 'config-changes');
  });

  test('one button makes it live and says what it took', async () => {
    await page.getByPlaceholder('备注').fill('第一次');
    await page.getByRole('button', { name: '更新配置' }).click();
    const done = page.locator('.zx-note.ok', { hasText: '已生效' });
    await done.waitFor();
    const ms = Number(/用时 (\d+) 毫秒/.exec(await done.textContent())[1]);
    console.log(`    applied in ${ms} ms`);
    await settled(page);
    await page.locator('button.chip').waitFor({ state: 'detached' });
    assert.deepEqual(await axe(page), []);
    assert.equal((await api.call('GET', '/config')).companies[0].dirty, 0);
  });

  test('an edit is told field by field, before and after', async () => {
    const row = await api.call('GET', `/queues/${queue.id}`);
    await api.call('PUT', `/queues/${queue.id}`, { rev: row.rev, name: `${queue.name}改`, members: members.slice(0, 2) });
    const change = page.locator('li.change', { hasText: `${queue.name}改` });
    await change.waitFor();
    await change.locator('del', { hasText: queue.name }).first().waitFor();
    await change.locator('ins', { hasText: `${queue.name}改` }).waitFor();
    assert.deepEqual(await axe(page), []);
    await shot(page, 'config-edit');
    await page.getByRole('button', { name: '更新配置' }).click();
    await settled(page);
  });

  test('an error blocks, and points to the page that has it', async () => {
    const target = await api.call('POST', '/queues', { name: `丙${Date.now() % 10000}`, number: String(92000 + (Date.now() % 400)) });
    const ivr = await api.call('POST', '/ivrs', { name: `丁${Date.now() % 10000}`, number: String(92500 + (Date.now() % 400)), app: 'queue', param: String(target.id) });
    await api.call('POST', '/queues/delete', { ids: [target.id], force: true });
    const problem = page.locator('.problems li.error', { hasText: ivr.name });
    await problem.waitFor();
    await page.getByText('先解决下面的 1 个错误').waitFor();
    assert.equal(await page.locator('.apply').getByRole('button', { name: '更新配置' }).isDisabled(), true);
    assert.deepEqual(await axe(page), []);
    await shot(page, 'config-problems');
    await problem.getByText('去修改').click();
    await page.locator('.page:visible tbody tr', { hasText: ivr.name }).waitFor();
    await api.call('POST', '/ivrs/delete', { ids: [ivr.id], force: true });
    await goto(page, '/config');
    await settled(page);
  });

  test('versions: each with its difference; one goes back after a question', async () => {
    await page.getByText('历史版本').click();
    const rows = page.locator('.list > li');
    await rows.nth(1).waitFor();
    await rows.first().getByText('当前生效').waitFor();
    const old = rows.filter({ hasText: '第一次' }).first();
    await old.getByText('与现在的设置比较').click();
    await old.locator('li.change', { hasText: queue.name }).waitFor();
    assert.deepEqual(await axe(page), []);
    await shot(page, 'config-versions');
    await old.getByRole('button', { name: '恢复到此版本' }).click();
    await page.locator('.el-message-box').getByText('恢复到版本').first().waitFor();
    await page.locator('.el-message-box .el-button--danger').click();
    await page.locator('.zx-note.ok', { hasText: '已生效' }).waitFor();
    /* the note may still be that of the apply before */
    const back = async () => (await api.call('GET', `/queues/${queue.id}`)).name === queue.name;
    for (const end = Date.now() + 15_000; !(await back()) && Date.now() < end; ) await page.waitForTimeout(100); // lint: poll of the daemon
    assert.ok(await back());
  });

  test('nothing complained', async () => assert.deepEqual(await quiet(page), []));
});
