/* The story of the browser side, with a real daemon, real SIP and Debian's Chromium. Run by run.mjs. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { Api, axe, BASE, goto, launch, login, open, password, Phone, quiet } from './kit.mjs';

const AGENT = 'agent1';
const SHOTS = process.env.ZX_SHOTS; /* a folder: pictures of every page are left there */
let browser;
const shot = (page, name) => (SHOTS ? page.screenshot({ path: `${SHOTS}/${name}.png` }) : undefined);
const number = () => String(60000 + Math.floor(Math.random() * 9000) * 4);
const rows = (page) => page.locator('.page:visible tbody:not([aria-hidden]) tr'); /* not the skeleton */
const toolbar = (page) => page.locator('.tools:visible');
async function search(page, text) {
  await toolbar(page).locator('input[type=search]').fill(text);
  await page.keyboard.press('Enter');
}
/* what was changed goes live */
async function apply() {
  const api = await Api.login('admin');
  const { draftHash } = await api.call('GET', '/config?brief=1');
  await api.call('POST', '/config/apply', { hash: draftHash });
}
const drawerButton = (page) => page.locator('.el-drawer.open .el-drawer__footer .el-button--primary');

before(async () => {
  browser = await launch();
});
after(() => browser?.close());

describe('login', () => {
  test('a wrong password is told, the right one opens the frame', async () => {
    const page = await open(browser);
    await page.goto(BASE);
    await page.click('button[type=submit]');
    await page.getByText('请输入用户名和密码').waitFor();
    await page.fill('#zx-login', 'nobody-here');
    await page.fill('#zx-password', 'certainly-wrong');
    await page.keyboard.press('Enter');
    await page.getByText('用户名或密码不正确').waitFor();
    assert.deepEqual(await axe(page), []);
    await shot(page, 'login');
    await page.fill('#zx-login', 'admin');
    await page.fill('#zx-password', password('user', 'admin'));
    await page.keyboard.press('Enter');
    await page.waitForSelector('.frame');
    await page.getByText('版本 ').waitFor();
    assert.deepEqual(await quiet(page), []);
    await page.context().close();
  });
  test('tabs and their state survive F5; the language switches and stays', async () => {
    const page = await open(browser);
    await login(page, 'admin');
    await goto(page, '/r/extensions');
    await rows(page).first().waitFor();
    await goto(page, '/live');
    await page.getByText('现在没有通话').waitFor();
    await goto(page, '/r/extensions');
    await search(page, '800');
    await page.getByText('共 10 记录').waitFor();
    await page.getByRole('button', { name: '切换到 English' }).or(page.locator('.lang')).first().click();
    await page.getByText('Showing 1 to 10 of 10').waitFor();
    await page.reload();
    await page.getByText('Showing 1 to 10 of 10').waitFor();
    assert.deepEqual(await page.locator('[role=tab]').allTextContents().then((l) => l.map((s) => s.trim()).sort()), ['Extensions', 'Home', 'Live calls']);
    assert.equal(await page.evaluate(() => document.documentElement.lang), 'en');
    assert.deepEqual(await quiet(page), []);
    await page.context().close();
  });
});

describe('extensions', () => {
  let page;
  before(async () => {
    page = await open(browser);
    await login(page, 'admin');
    await goto(page, '/r/extensions');
    await rows(page).first().waitFor();
  });
  after(() => page.context().close());

  test('one is added: mistakes are told, the secret is shown once', async () => {
    const n = number();
    await page.keyboard.press('Alt+a');
    await page.fill('#zx-edit-number', '12');
    await page.fill('#zx-edit-bind_ip', '10.0.0.300');
    await drawerButton(page).click();
    await page.getByText('应为 3-8 位数字').waitFor();
    await page.getByText('应为 IP 地址或网段').first().waitFor();
    await page.fill('#zx-edit-number', '8000');
    await page.fill('#zx-edit-bind_ip', '');
    await drawerButton(page).click();
    await page.getByText('已经存在').waitFor();
    await page.fill('#zx-edit-number', n);
    await page.fill('#zx-edit-name', '前台');
    await drawerButton(page).click();
    await page.getByText(`分机 ${n} 已建好`).waitFor();
    const secret = await page.locator('.el-drawer.open dd').nth(3).textContent();
    assert.match(secret.trim(), /^\S{12,}$/);
    assert.deepEqual(await axe(page), []);
    await page.locator('.el-drawer.open .el-button--primary').click();
    await page.waitForSelector('.el-drawer', { state: 'detached' });
    await apply();
    const phone = new Phone(n, secret.trim());
    await phone.do('register');
    await search(page, n);
    await page.locator('.page:visible .reg', { hasText: '在线' }).waitFor();
    await phone.do('register', { expires: 0 });
    await page.locator('.page:visible .reg.off').waitFor();
    phone.close();
  });

  test('a range is added with random secrets; a second time says which exist', async () => {
    const from = number();
    const to = String(Number(from) + 2);
    for (const again of [false, true]) {
      await toolbar(page).getByText('批量添加').click();
      await page.fill('#zx-batch-from', from);
      await page.fill('#zx-batch-to', to);
      await page.getByText(`将创建 3 个分机`).waitFor();
      await drawerButton(page).click();
      if (again) break;
      await page.getByText('已创建 3 个分机').waitFor();
      assert.equal(await page.locator('.result tbody tr').count(), 3);
      const download = page.waitForEvent('download');
      await page.getByText('下载 CSV').click();
      assert.equal((await download).suggestedFilename(), `extensions-${from}-${to}.csv`);
      await page.getByText('我已保存，关闭').click();
      await page.waitForSelector('.el-drawer', { state: 'detached' });
    }
    await page.locator('.exist').getByText(from).waitFor();
    assert.deepEqual(await axe(page), []);
    await page.keyboard.press('Escape');
    await page.waitForSelector('.el-drawer', { state: 'detached' });
    await search(page, to);
    await page.locator('.page:visible tbody').getByText(to).waitFor();
  });

  test('advanced search narrows the list, chips widen it again', async () => {
    await search(page, '');
    await toolbar(page).getByText('高级查找').click();
    const adv = page.locator('form.adv:visible');
    await adv.getByLabel('分机号码', { exact: true }).fill('8003');
    await adv.getByText('查询').click();
    await page.getByText('显示 1 到 1，共 1 记录').waitFor();
    assert.deepEqual(await axe(page), []);
    await page.locator('.chip:visible button').click();
    await page.getByText('显示 1 到 20').waitFor();
    await toolbar(page).getByText('高级查找').click();
  });

  test('an edit that meets another one shows both and loses neither', async () => {
    const api = await Api.login('admin');
    await search(page, '8004');
    await page.getByText('共 1 记录').waitFor();
    const answered = page.waitForResponse((r) => /\/extensions\/\d+$/.test(r.url()));
    await page.locator('.page:visible').getByRole('button', { name: '修改' }).click();
    await answered;
    const list = await api.call('GET', '/extensions?q=8004');
    const row = list.rows.find((r) => r.number === '8004');
    await page.waitForTimeout(300);
    await page.fill('#zx-edit-name', '我改的');
    await api.call('PUT', `/extensions/${row.id}`, { rev: row.rev, name: '别人改的', caller_id: '10086' });
    await drawerButton(page).click();
    await page.getByText('这条记录刚刚被别人修改过').waitFor();
    await page.locator('.conflict').getByText('10086').waitFor();
    assert.deepEqual(await axe(page), []);
    await shot(page, 'conflict');
    await page.getByText('按选择保存').click();
    await page.waitForSelector('.el-drawer', { state: 'detached' });
    const now = await api.call('GET', `/extensions/${row.id}`);
    assert.equal(now.name, '我改的');
    assert.equal(now.caller_id, '10086');
  });

  test('half-typed text comes back after F5', async () => {
    await page.keyboard.press('Alt+a');
    await page.fill('#zx-edit-name', '写了一半');
    await page.reload();
    await rows(page).first().waitFor();
    await page.keyboard.press('Alt+a');
    await page.getByText('已恢复上次没有保存的内容').waitFor();
    assert.equal(await page.inputValue('#zx-edit-name'), '写了一半');
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: '放弃' }).click();
    await page.waitForSelector('.el-drawer', { state: 'detached' });
  });

  test('deleting says how many and which', async () => {
    const api = await Api.login('admin');
    const n = number();
    await api.call('POST', '/extensions', { number: n, name: '删掉我' });
    await search(page, n);
    await page.getByText('共 1 记录').waitFor();
    await page.locator('.page:visible').getByRole('button', { name: '删除' }).click();
    await page.getByText('删除 1 项？').waitFor();
    await page.locator('.el-message-box').getByText(n).waitFor();
    assert.deepEqual(await axe(page), []);
    await page.locator('.el-message-box .el-button--danger').click();
    await page.getByText('已删除 1 项').waitFor();
    await page.getByText('没有符合条件的记录').waitFor();
  });

  test('nothing complained', async () => assert.deepEqual(await quiet(page), []));
});

describe('a call', () => {
  let page, boss, me, far, ext;
  const other = '8030';
  before(async () => {
    ext = (await Api.login(AGENT)).session.user.extension;
    page = await open(browser);
    await page.context().addInitScript(() => {
      window.notes = 0;
      const start = OscillatorNode.prototype.start;
      OscillatorNode.prototype.start = function (...a) {
        window.notes++;
        return start.apply(this, a);
      };
      const Real = WebSocket;
      window.WebSocket = class extends Real {
        constructor(...a) {
          super(...a);
          this.addEventListener('message', (e) => String(e.data).includes('"call.ringing"') && (window.rangAt = performance.now()));
        }
      };
      new MutationObserver(() => {
        if (!window.shownAt && document.querySelector('.pop')) window.shownAt = performance.now();
      }).observe(document, { childList: true, subtree: true });
    });
    await login(page, AGENT);
    boss = await open(browser);
    await login(boss, 'admin');
    await goto(boss, '/live');
    me = new Phone(ext);
    far = new Phone(other);
    await me.do('register');
    await far.do('register');
    await page.locator('.state', { hasText: '空闲' }).waitFor();
  });
  after(async () => {
    me?.close();
    far?.close();
    await page?.context().close();
    await boss?.context().close();
  });

  test('the pop is there while the phone rings, at once', async () => {
    const incoming = me.do('incoming');
    await far.do('call', { number: ext });
    await incoming;
    const rang = Date.now();
    await page.locator('.pop.ringing').waitFor();
    const wall = Date.now() - rang;
    const ms = await page.evaluate(() => window.shownAt - window.rangAt);
    console.log(`    pop: ${ms.toFixed(0)} ms after its event, ${wall} ms after the phone began to ring`);
    assert.ok(wall < 1000, `${wall} ms after the ring`);
    assert.ok(ms < 100, `${ms} ms after the event`);
    assert.equal(await page.locator('.pop strong').textContent(), other);
    await page.locator('.state', { hasText: '振铃中' }).waitFor();
    await boss.locator('.page:visible tbody tr', { hasText: other }).getByText('振铃').waitFor();
    await page.waitForFunction((n) => document.title.includes(n), other);
    assert.deepEqual(await axe(page), []);
    await shot(page, 'pop');
  });

  test('answered, held and resumed from the toolbar: seen on every screen', async () => {
    await me.do('answer');
    await far.do('answered');
    await page.locator('.pop.talking').waitFor();
    await page.locator('.state', { hasText: '通话中' }).waitFor();
    await boss.locator('.page:visible tbody tr', { hasText: other }).getByText('通话中').waitFor();
    await boss.waitForFunction(() => document.querySelector('.page td.run')?.textContent > '00:00:01');
    await page.keyboard.press('Alt+h');
    await page.locator('.state', { hasText: '已保持' }).waitFor();
    await page.keyboard.press('Alt+h');
    await page.locator('.state', { hasText: '通话中' }).waitFor();
    await shot(boss, 'live');
    assert.deepEqual(await axe(boss), []);
  });

  test('F5 in the middle of a call brings the pop back', async () => {
    await page.reload();
    await page.locator('.pop.talking').waitFor();
    await page.locator('.state', { hasText: '通话中' }).waitFor();
  });

  test('hung up from the live list after a question; the pop shows the result', async () => {
    await boss.locator('.page:visible tbody tr', { hasText: other }).getByText('挂断').click();
    await boss.locator('.el-message-box .el-button--danger').click();
    await page.locator('.pop.ended').getByText('已接听').waitFor();
    await page.locator('.state', { hasText: '空闲' }).waitFor();
    await boss.getByText('现在没有通话').waitFor();
    await page.locator('.pop').getByRole('button', { name: '关闭' }).click();
    await page.waitForSelector('.pop', { state: 'detached' });
  });

  test('the record is in the list within two seconds; its recording plays, either side, and seeks', async () => {
    await goto(page, '/r/calls');
    await rows(page).filter({ hasText: other }).first().waitFor({ timeout: 3000 });
    await page.locator('.play:visible').first().click();
    const now = () => page.evaluate(() => document.querySelector('audio').currentTime);
    await page.waitForFunction(() => document.querySelector('audio')?.currentTime > 0.5);
    const t = await now();
    await page.waitForFunction((v) => document.querySelector('audio').currentTime > v + 0.3, t);
    await page.getByText('通话过程').waitFor();
    await page.locator('.path li').filter({ hasText: '接听' }).waitFor();
    await page.locator('.leg').first().waitFor();
    assert.ok(await page.evaluate(() => document.querySelector('canvas').width > 100));
    await page.locator('.player').getByText('只听被叫').click();
    await page.locator('canvas').focus();
    await page.keyboard.press('Home');
    assert.ok((await now()) < 0.6);
    await shot(page, 'call');
    assert.deepEqual(await axe(page), []);
    const file = page.waitForEvent('download');
    await page.getByRole('button', { name: '下载录音' }).click();
    assert.match((await file).suggestedFilename(), new RegExp(`${other}.*\\.wav$`));
    await page.keyboard.press('Escape');
    await page.waitForSelector('.el-drawer', { state: 'detached' });
  });

  test('click to call: the phone rings first, then the other', async () => {
    await page.keyboard.press('Alt+c');
    await page.keyboard.type('80 30');
    const mine = me.do('incoming');
    await page.keyboard.press('Enter');
    await page.getByText(`接起后拨打 8030`).waitFor();
    await mine;
    const theirs = far.do('incoming');
    await me.do('answer');
    await theirs;
    await far.do('answer');
    await page.locator('.state', { hasText: '通话中' }).waitFor();
    const ended = far.do('ended');
    await page.keyboard.press('Alt+x');
    await ended;
    await page.locator('.state', { hasText: '空闲' }).waitFor();
  });

  test('a missed call says so and offers to call back; of two tabs one rings', async () => {
    const second = await page.context().newPage();
    await second.goto(BASE);
    await second.waitForSelector('.frame');
    await second.waitForTimeout(500);
    await page.evaluate(() => (window.notes = 0));
    const incoming = me.do('incoming');
    await far.do('call', { number: ext });
    await incoming;
    await page.locator('.pop.ringing').waitFor();
    await page.locator('.pop.ringing li').first().waitFor(); /* the calls before it came with the event */
    await second.locator('.pop.ringing').waitFor();
    await page.waitForFunction(() => window.notes > 0);
    assert.equal(await second.evaluate(() => window.notes), 0);
    await far.do('cancel');
    await page.locator('.pop.ended').getByText('未接听').waitFor();
    await page.locator('.pop').getByText('回拨').waitFor();
    const n = await page.evaluate(() => window.notes);
    await page.waitForTimeout(3500);
    assert.equal(await page.evaluate(() => window.notes), n, 'the ring has stopped');
    await second.close();
  });

  test('nothing complained', async () => {
    assert.deepEqual(await quiet(page), []);
    assert.deepEqual(await quiet(boss), []);
  });
});

describe('every page', () => {
  const SHAPES = [
    { lang: 'zh-CN', dark: false, width: 1440, height: 900 },
    { lang: 'en', dark: true, width: 1440, height: 900 },
    { lang: 'zh-CN', dark: true, width: 1024, height: 768 },
    { lang: 'en', dark: false, width: 1024, height: 768 },
  ];
  for (const o of SHAPES) {
    const name = `${o.lang}-${o.dark ? 'dark' : 'light'}-${o.width}`;
    test(`${name}: axe is clean, nothing complains, nothing is cut off`, async () => {
      const page = await open(browser, o);
      await login(page, 'admin');
      for (const path of ['/r/extensions', '/r/calls', '/live', '/nowhere']) {
        await goto(page, path);
        await page.waitForTimeout(700);
        await shot(page, `${name}${path.replaceAll('/', '-')}`);
        assert.deepEqual(await axe(page), [], path);
        assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth || document.documentElement.scrollHeight > innerHeight), false, `${path} scrolls as a whole`);
      }
      assert.deepEqual(await quiet(page), []);
      await page.context().close();
    });
  }
});
