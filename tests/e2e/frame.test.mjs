/* The frame: menu, tabs, news, narrow screens, no connection. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Api, axe, BASE, goto, launch, login, open, quiet } from './kit.mjs';

const SHOTS = process.env.ZX_SHOTS;
const shot = (page, name) => (SHOTS ? page.screenshot({ path: `${SHOTS}/${name}.png` }) : undefined);

describe('frame', () => {
  let browser, page, api;
  before(async () => {
    browser = await launch();
    api = await Api.login('admin');
    page = await open(browser);
    await login(page, 'admin');
  });
  after(() => browser?.close());

  test('home tells real figures, whatever the role', async () => {
    await page.getByText('今日通话').first().waitFor();
    const total = (await api.call('GET', '/calls?size=1')).total;
    const tile = page.locator('.tile', { hasText: '今日通话' }).locator('b');
    await page.waitForFunction((n) => document.querySelector('.tiles')?.textContent.includes(String(n)), total);
    assert.match(await tile.textContent(), /^\d+$/);
    assert.deepEqual(await axe(page), []);
    const agent = await open(browser);
    await login(agent, 'agent2');
    await agent.getByText('我的话机').waitFor();
    assert.equal(await agent.getByText('系统状态').count(), 0);
    assert.deepEqual(await axe(agent), []);
    await shot(agent, 'home-agent');
    assert.deepEqual(await quiet(agent), []);
    await agent.context().close();
  });

  test('the menu is searched in either language, by keyboard', async () => {
    await page.keyboard.press('Alt+g');
    await page.keyboard.type('queue');
    await page.getByRole('option', { name: /静态队列/ }).waitFor();
    assert.deepEqual(await axe(page), []);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: '静态队列' }).waitFor();
    await page.keyboard.press('Alt+g');
    await page.keyboard.type('没有这种东西');
    await page.getByText('没有这样的页面').waitFor();
    await page.keyboard.press('Escape');
  });

  test('folded, its groups come out beside the icons', async () => {
    await page.keyboard.press('Alt+m');
    await page.locator('nav.menu.slim').waitFor();
    await page.getByRole('button', { name: '权限管理' }).hover();
    await page.locator('.flyout').getByText('部门管理').waitFor();
    assert.deepEqual(await axe(page), []);
    await shot(page, 'menu-folded');
    await page.locator('.flyout').getByText('部门管理').click();
    await page.getByRole('heading', { name: '部门管理' }).waitFor();
    await page.reload();
    await page.locator('nav.menu.slim').waitFor();
    await page.getByRole('tab', { name: '静态队列' }).waitFor();
    await page.keyboard.press('Alt+m');
  });

  test('every shortcut is listed; dark and language stay after F5', async () => {
    await page.keyboard.press('Alt+k');
    await page.locator('.el-dialog', { hasText: '快捷键' }).getByText('搜索菜单').waitFor();
    assert.deepEqual(await axe(page), []);
    await page.keyboard.press('Escape');
    await page.keyboard.press('Alt+l');
    await page.locator('.lang').click();
    await page.getByRole('tab', { name: 'Departments' }).waitFor();
    await page.reload();
    await page.getByRole('tab', { name: 'Departments' }).waitFor();
    assert.equal(await page.evaluate(() => document.documentElement.classList.contains('dark')), true);
    await page.keyboard.press('Alt+l');
    await page.locator('.lang').click();
    await page.getByRole('tab', { name: '部门管理' }).waitFor();
  });

  test('an announcement: sent, it is on the screen at once; unread, it opens after login; read, it is gone', async () => {
    const subject = `停机通知 ${Date.now() % 10000}`;
    const agent = await open(browser);
    await login(agent, 'agent3');
    const n = await api.call('POST', '/notices', { subject, body: '今晚十点升级。' });
    await api.call('POST', `/notices/${n.id}/send?to=company`);
    await agent.locator('.el-message', { hasText: subject }).waitFor();
    await agent.locator('.news b').waitFor();
    await agent.reload();
    await agent.locator('.el-drawer article', { hasText: subject }).getByText('今晚十点升级').waitFor();
    assert.deepEqual(await axe(agent), []);
    await shot(agent, 'notices');
    await agent.locator('article', { hasText: subject }).getByText('知道了').click();
    await agent.locator('article', { hasText: subject }).getByText('已读').waitFor();
    const unread = await (await Api.login('agent3')).call('GET', '/notices/unread');
    assert.ok(!unread.rows.some((r) => r.id === n.id));
    assert.deepEqual(await quiet(agent), []);
    await agent.context().close();
    await api.call('DELETE', `/notices/${n.id}?rev=${n.rev}`);
  });

  test('on a tablet the menu lies over the page; nothing is cut off or scrolls as a whole', async () => {
    const tablet = await open(browser, { width: 768, height: 1024 });
    await login(tablet, 'admin');
    assert.equal(await tablet.locator('nav.menu').isVisible(), false);
    for (const path of ['/', '/config', '/r/roles', '/params', '/status', '/maintenance', '/help', '/setup', '/r/articles', '/r/users']) {
      await goto(tablet, path);
      await tablet.waitForTimeout(700);
      await shot(tablet, `tablet${path.replaceAll('/', '-')}`);
      assert.equal(await tablet.evaluate(() => document.documentElement.scrollWidth > innerWidth || document.documentElement.scrollHeight > innerHeight), false, path);
      assert.deepEqual(await axe(tablet), [], path);
    }
    await tablet.getByRole('button', { name: '菜单导航' }).click();
    await tablet.locator('nav.menu').getByText('使用帮助').click();
    await tablet.locator('nav.menu').waitFor({ state: 'hidden' });
    assert.deepEqual(await quiet(tablet), []);
    await tablet.context().close();
  });

  test('without a connection a banner says so, and goes when it is back', async () => {
    const p = await open(browser);
    await login(p, 'admin');
    await p.context().setOffline(true);
    await p.getByText('与服务器的连接已断开').waitFor();
    assert.deepEqual(await axe(p), []);
    await p.context().setOffline(false);
    await p.getByText('与服务器的连接已断开').waitFor({ state: 'detached' });
    await p.context().close();
  });

  test('an address that leads nowhere says so', async () => {
    await page.goto(`${BASE}/#/no/such/page`);
    await page.getByText('没有这个页面').waitFor();
    await page.getByText('回到首页').click();
    await page.getByText('今日通话').first().waitFor();
    assert.deepEqual(await quiet(page), []);
  });
});
