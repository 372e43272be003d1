/*
 * Every grid page the menu shows, in both languages: what a page can do by its descriptor is done with it, so that a new page enters by
 * itself. Then what only some have: members of a queue, keys of a voice menu, sounds. Run by run.mjs.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, beforeEach, describe, test } from 'node:test';
import { fresh, Grid, inForm, normal, OWN, textFor, words } from './grids.mjs';
import { Api, axe, launch, login, open, quiet, wav } from './kit.mjs';

const SHOTS = process.env.ZX_SHOTS;
const ONLY = process.env.ZX_PAGES?.split(','); /* some pages alone, while one works on them */
const T = {
  'zh-CN': { copy: '复制', history: '修改记录', yes: '是', bulk: '批量修改', found: '查询', hidden: '显示设置', all: '全部删除', up: '上移' },
  en: { copy: 'Copy', history: 'History', yes: 'Yes', bulk: 'Edit all', found: 'Search', hidden: 'Columns', all: 'Delete all', up: 'Move up' },
};
let browser;
let api;
const shot = (page, name) => (SHOTS ? page.screenshot({ path: `${SHOTS}/${name}.png` }) : undefined);

/* The descriptors are needed to name the tests: they are asked for first. */
api = await Api.login('admin');
const meta = await api.call('GET', '/meta');
const entries = meta.menu.flatMap((m) => [m, ...(m.children ?? [])]).filter((m) => m.page === 'grid' && !OWN.has(m.resource) && (!ONLY || ONLY.includes(m.resource)));
const descs = new Map();
for (const e of entries) descs.set(e.resource, normal(await api.call('GET', `/meta/${e.resource}`)));

/* What pages refer to must be there. */
async function make(name, values) {
  const d = descs.get(name) ?? normal(await api.call('GET', `/meta/${name}`));
  const defs = Object.fromEntries(inForm(d).filter((f) => f.def !== undefined && f.def !== null).map((f) => [f.key, f.def]));
  return api.call('POST', `/${name}`, { ...defs, ...values });
}
const made = {};
before(async () => {
  browser = await launch();
  if (meta.resources.includes('prompts')) made.prompt = await api.upload('/prompts/upload?name=hello', `p${fresh()}.wav`, wav(), 'audio/wav');
  if (meta.resources.includes('queues')) made.queue = await make('queues', { name: `Q${fresh()}`, number: fresh(), members: [1, 2] });
  if (meta.resources.includes('trunks')) made.trunk = await make('trunks', { name: `K${fresh()}`, host: textFor({ key: 'host' }) });
});
after(() => browser?.close());

/* the same dialog for all pages is looked at twice in each language, not on every page */
const seen = new Map();
let xlsx = 0; /* one page is enough */
async function once(g, what, within) {
  const k = `${what} ${g.lang}`;
  seen.set(k, (seen.get(k) ?? 0) + 1);
  if (seen.get(k) <= 2) assert.deepEqual(await axe(g.page, [within]), [], `${g.desc.name} ${what}`);
}

/* Two rows are made, found, changed, copied and deleted again. */
async function life(g, t, full) {
  const { page, desc } = g;
  const values = await g.add();
  const key = [desc.label, 'name', ...Object.keys(values)].find((k) => values[k]);
  const name = values[key];
  const quick = desc.fields.some((f) => f.in?.includes('quick'));
  if (quick) await g.search(name);
  await g.rows.first().waitFor();
  const row = g.rows.filter({ hasText: name }).first();
  await row.waitFor();
  await shot(page, `${desc.name}-${g.lang}-list`);

  if (g.can('edit')) {
    await g.edit(row);
    await page.waitForTimeout(300); // lint: it slides in
    const f = inForm(desc).find((x) => ['text', 'phone', 'textarea'].includes(x.type) && x.key !== key && !x.unique && !x.createOnly && !x.required) ?? inForm(desc).find((x) => ['int', 'duration', 'upload'].includes(x.type) && !x.createOnly && !/_(from|to)$/.test(x.key));
    await shot(page, `${desc.name}-${g.lang}-form`);
    if (full) assert.deepEqual(await axe(page, ['.el-drawer.open']), [], `${desc.name} form`);
    if (f) {
      await g.fill(f);
      await g.save();
    } else await g.shut();
  }
  if (quick) await g.search('');
  if (!full) return { name, key };

  if (g.can('copy')) {
    await g.search(name);
    await g.menu(g.rows.first(), t.copy);
    await g.drawer.locator('form').waitFor();
    for (const f of inForm(desc)) if ((f.unique || f.type === 'upload' || (f.required && f.type === 'secret')) && f.type !== 'ref') await g.fill(f);
    await g.complete({});
    await g.save();
    await g.search('');
  }
  return { name, key };
}

async function advanced(g, { name, key }) {
  const f = g.desc.fields.find((x) => x.key === key && x.in?.includes('adv') && ['text', 'digits', 'phone'].includes(x.type));
  await g.chord('f');
  const adv = g.root.locator('form.adv');
  await adv.waitFor();
  if (f) {
    await adv.getByLabel(words(g.lang, f), { exact: true }).first().fill(name);
    await adv.locator('.el-button--primary').click();
    await g.root.locator('.chip').first().waitFor();
    await g.rows.first().waitFor();
    await g.settled();
    assert.ok((await g.total()) >= 1, 'the advanced search finds it');
  }
  await once(g, 'advanced', 'form.adv');
  await shot(g.page, `${g.desc.name}-${g.lang}-adv`);
  if (f) await g.root.locator('.chip button').first().click();
  await g.settled();
  await g.chord('f');
  await adv.waitFor({ state: 'detached' });
}

async function bulk(g, t) {
  const many = inForm(g.desc).filter((f) => ['bool', 'enum', 'int', 'duration'].includes(f.type) && !f.unique && !f.createOnly && !f.writeOnly && !/_(from|to)$/.test(f.key));
  const f = many.find((x) => x.type === 'bool') ?? many.find((x) => x.type === 'duration') ?? many.find((x) => x.type === 'int');
  if (!f || (await g.rows.count()) < 2) return;
  await g.rows.nth(0).locator('.el-checkbox').click();
  await g.rows.nth(1).locator('.el-checkbox').click();
  await g.root.getByRole('button', { name: t.bulk }).click();
  await g.dialog.waitFor();
  const at = g.field(f.key, g.dialog);
  if (f.type === 'bool') await at.locator('.el-switch').click();
  else await at.locator('input:not([type=checkbox])').first().fill(String(Number(textFor(f)) + 1)); /* what the rows have is no change */
  await once(g, 'bulk', '.el-dialog');
  await shot(g.page, `${g.desc.name}-${g.lang}-bulk`);
  const answer = g.page.waitForResponse((r) => r.url().endsWith('/bulk'));
  await g.dialog.locator('.el-dialog__footer .el-button--primary').click();
  const r = await answer;
  assert.equal(r.status(), 200, await r.text());
  assert.equal((await r.json()).changed, 2);
  await g.dialog.waitFor({ state: 'hidden' });
  await g.root.locator('.tools').getByText(g.lang === 'en' ? 'Clear selection' : '取消选择').click();
}

async function history(g, t, name) {
  await g.search(name);
  await g.menu(g.rows.first(), t.history);
  await g.page.locator('.zx-history li').first().waitFor();
  await once(g, 'history', '.el-drawer.open');
  await shot(g.page, `${g.desc.name}-${g.lang}-history`);
  await g.shut();
  await g.search('');
}

async function exporting(g, format) {
  await g.chord('e');
  await g.dialog.waitFor();
  await g.dialog.locator(`.el-radio:has(input[value=${format}])`).click();
  await once(g, 'export', '.el-dialog');
  const download = g.page.waitForEvent('download');
  await g.dialog.locator('.el-dialog__footer .el-button--primary').click();
  const d = await download;
  const data = readFileSync(await d.path());
  assert.match(d.suggestedFilename(), new RegExp(`\\.${format}$`));
  if (format === 'csv') {
    const lines = data.toString('utf8').trimEnd().split('\r\n');
    assert.equal(data.subarray(0, 3).toString('hex'), 'efbbbf');
    assert.ok(lines.length > 1, 'a heading and rows');
  } else assert.equal(data.subarray(0, 2).toString(), 'PK');
  await g.shut();
}

/* A file with one line that is right and one that is not, from the page's own template. */
async function importing(g) {
  const { page, desc } = g;
  const keys = desc.import?.columns ?? inForm(desc).map((f) => f.key);
  const cols = keys.map((k) => desc.fields.find((f) => f.key === k || f.param === k)).filter(Boolean);
  const need = cols.filter((f) => f.required && f.type !== 'target' && f.type !== 'ref' && f.type !== 'enum' && f.type !== 'list');
  const name = need.find((f) => f.unique) ?? need[0];
  if (!name) return;
  const used = cols.filter((f) => f === name || (f.required && ['text', 'digits', 'phone', 'int', 'time', 'date', 'cidr'].includes(f.type)));
  const good = used.map(textFor);
  /* too long, or letters where digits are wanted */
  const bad = used.map((f) => (f === name ? 'x'.repeat(300) : textFor(f)));
  const csv = [used.map((f) => words(g.lang, f)), good, bad].map((l) => l.map((c) => `"${c}"`).join(',')).join('\r\n');
  await g.chord('i');
  await g.dialog.waitFor();
  await once(g, 'import', '.el-dialog');
  const template = page.waitForEvent('download');
  await g.dialog.locator('.template button').click();
  assert.match((await template).suggestedFilename(), /\.csv$/);
  await g.dialog.locator('input[type=file]').setInputFiles({ name: 'x.csv', mimeType: 'text/csv', buffer: Buffer.from(`\ufeff${csv}\r\n`) });
  await g.dialog.locator('.facts').waitFor();
  await g.dialog.locator('.scroll.bad tbody tr').first().waitFor();
  assert.ok((await g.dialog.locator('.scroll.bad tbody td.n').allTextContents()).includes('3'), 'the line is told');
  await once(g, 'import check', '.el-dialog');
  await shot(page, `${desc.name}-${g.lang}-import`);
  const start = g.dialog.locator('.el-dialog__footer .el-button--primary');
  if (await start.isEnabled()) {
    await start.click();
    await g.dialog.locator('.job h3').waitFor();
    assert.match(await g.dialog.locator('.job').textContent(), /1/);
    const failed = page.waitForEvent('download');
    await g.dialog.locator('.job button').first().click();
    assert.match(readFileSync(await (await failed).path(), 'utf8'), /\r\n/);
    await g.dialog.locator('.el-dialog__footer .el-button--primary').click();
  } else await g.shut();
  await g.dialog.waitFor({ state: 'hidden' });
  await g.settled();
}

async function columns(g) {
  const list = g.desc.fields.filter((f) => f.in?.includes('list'));
  const heads = g.root.locator('thead th[scope=col]:not(.check):not(.stick):not(.grab)');
  const before = await heads.count();
  if (list.length < 3 || before < 3) return;
  await g.root.locator('.columns').click();
  const pop = g.page.locator('.el-popover:visible');
  await pop.locator('li').first().waitFor();
  const kept = g.page.waitForResponse((r) => r.url().includes('/prefs/') && r.request().method() === 'PUT');
  await pop.locator('li .el-checkbox.is-checked').last().click();
  await pop.locator('li .pin').first().click();
  assert.equal((await kept).status() < 300, true);
  assert.equal(await heads.count(), before - 1);
  await pop.locator('.zx-link').click();
  await g.page.waitForFunction((k) => document.querySelectorAll('.page:not([style*="none"]) thead th[scope=col]:not(.check):not(.stick):not(.grab)').length === k, before);
  await g.page.keyboard.press('Escape');
  await g.root.locator('.zx-title').click();
}

for (const lang of ['zh-CN', 'en']) {
  describe(`pages, ${lang}`, () => {
    const full = lang === 'zh-CN';
    const t = T[lang];
    let page;
    before(async () => {
      page = await open(browser, { lang, dark: !full });
      await login(page, 'admin');
    });
    after(() => page?.context().close());
    for (const e of entries) {
      test(e.resource, { timeout: 90_000 }, async (ctx) => {
        const g = new Grid(page, descs.get(e.resource), lang);
        try {
          await g.open();
          assert.equal(await g.root.locator('.zx-title').textContent(), g.desc.title[lang]);
          assert.deepEqual(await axe(page, ['.page:not([style*=none]) .zx-page']), [], `${e.resource} list`);
          const row = g.can('add') ? await life(g, t, full) : null;
          const name = row?.name;
          if (full && row) await advanced(g, row);
          if (full && g.can('edit')) await bulk(g, t);
          if (full && name && g.can('history')) await history(g, t, name);
          if (g.can('export') && (full || !xlsx++) && (await g.total())) await exporting(g, full ? 'csv' : 'xlsx');
          if (full && g.can('import')) await importing(g);
          if (full) await columns(g);
          if (name && g.can('delete')) {
            const quick = g.desc.fields.some((f) => f.in?.includes('quick'));
            if (quick) await g.search(name);
            const named = g.rows.filter({ hasText: name }); /* a copy may bear the same name */
            const left = (await named.count()) - 1;
            await named.first().locator('.el-checkbox').click();
            await g.remove();
            assert.equal(await named.count(), left, 'it is gone');
            if (quick) await g.search('');
          }
          assert.deepEqual(await quiet(page), []);
        } catch (err) {
          await shot(page, `failed-${e.resource}-${lang}`);
          page.complaints.length = 0;
          await page.reload().catch(() => {});
          await page.waitForSelector('.frame').catch(() => {});
          throw err;
        }
        if (SHOTS) ctx.diagnostic(`pictures in ${SHOTS}`);
      });
    }
  });
}

const has = (...names) => names.every((x) => descs.has(x));
describe('what only some pages have', () => {
  let page;
  before(async () => {
    page = await open(browser);
    await login(page, 'admin');
  });
  after(() => page?.context().close());
  /* nothing of the test before is left open */
  beforeEach(async () => {
    await page.reload();
    await page.waitForSelector('.frame');
  });
  const grid = (name) => new Grid(page, descs.get(name), 'zh-CN');

  test('members of a queue: found, added and put in order by keyboard', { skip: !has('queues') }, async () => {
    const g = grid('queues');
    await g.open();
    await g.search(made.queue.number);
    await g.edit(g.rows.first());
    const box = g.field('members');
    await box.locator('ol li .item').nth(1).waitFor();
    const answered = page.waitForResponse((r) => r.url().includes('/refs/members.') && r.url().includes('q=8005'));
    await box.locator('section').first().locator('input').fill('8005');
    await answered;
    await box.locator('ul .item', { hasText: '8005' }).waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await box.locator('ol .item', { hasText: '8005' }).waitFor();
    await box.locator('ol .item').first().focus();
    await page.keyboard.press('Alt+ArrowDown');
    await page.keyboard.press('End');
    await page.keyboard.press('Alt+ArrowUp');
    assert.deepEqual(await axe(page, ['.el-drawer.open']), []);
    await g.save();
    const row = await api.call('GET', `/queues/${made.queue.id}`);
    const first = made.queue.members.map((m) => m.label);
    assert.deepEqual(row.members.map((m) => m.label.slice(0, 4)), [first[1].slice(0, 4), '8005', first[0].slice(0, 4)]);
    /* what was half done comes back */
    await g.edit(g.rows.first());
    await box.locator('ol li .x').first().click();
    await page.reload();
    await g.settled();
    await g.edit(g.rows.first());
    await g.drawer.locator('.restored').waitFor();
    assert.equal(await box.locator('ol .item').count(), 2);
    await g.shut();
  });

  test('keys of a voice menu: the keypad adds them, each cell says what is wrong', { skip: !has('ivrs', 'queues') }, async () => {
    const g = grid('ivrs');
    await g.open();
    await g.chord('a');
    await g.drawer.locator('form').waitFor();
    const [name, number] = [`I${fresh()}`, fresh()];
    await g.field('name').locator('input').fill(name);
    await g.field('number').locator('input').fill(number);
    await g.drawer.locator('.pad button', { hasText: '1' }).first().click();
    await g.drawer.locator('.pad button', { hasText: '*' }).click();
    await g.choose(g.field('keys.0.app'), '队列');
    await g.drawer.locator('.el-drawer__footer .el-button--primary').click();
    await g.field('keys.0.app').locator('.error').waitFor();
    await g.choose(g.field('keys.0.app').locator('.param'), made.queue.number);
    await g.choose(g.field('keys.1.app'), '外线');
    await g.field('keys.1.app').locator('.param input').fill('13800138000');
    assert.deepEqual(await axe(page, ['.el-drawer.open']), []);
    await shot(page, 'ivr-keys');
    await g.save();
    const { rows } = await api.call('GET', `/ivrs?q=${number}`);
    const row = await api.call('GET', `/ivrs/${rows[0].id}`);
    assert.deepEqual(row.keys.map((k) => [k.key, k.app, k.param]), [['1', 'queue', String(made.queue.id)], ['*', 'outside', '13800138000']]);
    await api.call('DELETE', `/ivrs/${row.id}?rev=${row.rev}`);
  });

  test('a sound goes up, plays, and says who uses it when it is to go', { skip: !has('prompts', 'ivrs') }, async () => {
    const g = grid('prompts');
    await g.open();
    const values = await g.add();
    await g.search(values.name);
    const row = g.rows.first();
    const sound = page.waitForResponse((r) => /\/prompts\/\d+\/audio/.test(r.url()));
    await row.locator('.play').click();
    assert.ok([200, 206].includes((await sound).status()));
    await row.locator('.play.on').or(row.locator('.play')).first().waitFor();
    const { rows } = await api.call('GET', `/prompts?q=${values.name}`);
    const ivr = await make('ivrs', { name: `I${fresh()}`, number: fresh(), prompt_id: rows[0].id });
    await row.getByRole('button', { name: '删除', exact: true }).click();
    await g.box.locator('.zx-used li', { hasText: '语音导航' }).waitFor();
    await page.keyboard.press('Escape');
    await api.call('DELETE', `/ivrs/${ivr.id}?rev=${ivr.rev}`);
    await api.call('DELETE', `/prompts/${rows[0].id}?rev=${rows[0].rev}`);
  });

  test('an order set by hand: from the menu and by keyboard', { skip: !has('outbound_routes', 'trunks') }, async () => {
    const names = [`A${fresh()}`, `B${fresh()}`];
    const ids = [];
    for (const name of names) ids.push((await make('outbound_routes', { name, pattern: textFor({ key: 'pattern' }), trunk1_id: made.trunk.id })).id);
    const g = grid('outbound_routes');
    await g.open();
    const order = async () => (await g.rows.allTextContents()).map((s) => names.findIndex((x) => s.includes(x))).filter((i) => i >= 0);
    assert.deepEqual(await order(), [0, 1]);
    await g.menu(g.rows.filter({ hasText: names[1] }), '上移');
    await page.waitForFunction((x) => [...document.querySelectorAll('tr[data-row]')].filter((r) => r.offsetParent && x.some((s) => r.textContent.includes(s)))[0]?.textContent.includes(x[1]), names);
    const answered = page.waitForResponse((r) => r.url().endsWith('/move'));
    await g.rows.filter({ hasText: names[1] }).focus();
    await page.keyboard.press('Alt+ArrowDown');
    assert.equal((await answered).status(), 200);
    await g.settled();
    assert.deepEqual(await order(), [0, 1]);
    await api.call('POST', '/outbound_routes/delete', { ids });
  });

  test('全部删除 wants the number typed, and deletes what was found and no more', { skip: !has('blacklist') }, async () => {
    const mark = fresh().slice(-5);
    for (let i = 0; i < 3; i++) await make('blacklist', { number: `139${mark}00${i}` });
    const g = grid('blacklist');
    await g.open();
    const all = await g.total();
    await g.search(`139${mark}`);
    assert.equal(await g.total(), 3);
    await g.root.locator('.icons [aria-haspopup=menu]').click();
    await page.getByRole('menuitem').click();
    await g.box.locator('input').fill('2');
    await g.box.locator('.el-button--danger').click();
    await g.box.getByText('与条数不一致').waitFor();
    await g.box.locator('input').fill('3');
    await g.box.locator('.el-button--danger').click();
    await g.box.waitFor({ state: 'hidden' });
    await g.expectRows(0);
    await g.search('');
    assert.ok((await g.total()) <= all);
    assert.deepEqual(await quiet(page), []);
  });
});
