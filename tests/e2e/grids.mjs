/* A grid page as a user meets it: what the tests of all pages do with the one page they are told. */
import assert from 'node:assert/strict';
import { wav } from './kit.mjs';

/* drawn by pages of their own, see web/src/router.ts */
export const OWN = new Set(['roles', 'articles', 'locations']);
let n = 0;
const seed = String(Date.now() % 90_000).padStart(5, '0');
/* never the same twice in one run, and never one of the demo company's */
export const fresh = () => String(2_0000_0000 + Number(seed) * 1000 + ++n).slice(-8);

export const words = (lang, f) => f.label?.[lang] ?? f.key;
/* as web/src/core/descriptor.ts has it */
export function normal(d) {
  const flat = ({ target, list, upload, ...f }) => {
    const o = { ...f, ...target, ...list, ...upload };
    if (o.items) o.items = o.items.map(flat);
    return o;
  };
  return { ...d, fields: d.fields.map(flat) };
}
export const inForm = (d) => d.fields.filter((f) => f.in?.includes('form') && !f.readOnly);

/* A value that fits, by type and key. */
export function textFor(f) {
  if (f.key === 'date_from' || f.key === 'date_to') return '2027-10-01';
  if (f.key === 'pattern') return `9${fresh().slice(-4)}X.`;
  if (f.key === 'host') return `10.${Number(seed.slice(-3)) % 250}.${(n++ % 250) + 1}.9`;
  if (f.key === 'caller') return '1390000';
  if (f.key === 'code' || f.key === 'area_code') return f.key === 'code' ? fresh().slice(-6) : '020';
  if (f.type === 'digits') {
    const m = /\{(\d+),(\d+)\}/.exec(f.pattern ?? '');
    return fresh().slice(-Math.min(8, Number(m?.[2] ?? f.maxLen ?? 8)));
  }
  if (f.type === 'phone') return `138${fresh()}`;
  if (f.type === 'cidr') return '10.9.8.0/24';
  if (f.type === 'time') return '09:30';
  if (f.type === 'date') return '2027-10-01';
  if (f.type === 'int') return String(Math.max(f.min ?? 1, 1));
  if (f.type === 'duration') return String(Math.ceil((f.min ?? 5000) / 1000));
  if (f.key === 'login') return `u${fresh()}`;
  return `T${fresh()}`;
}

export class Grid {
  constructor(page, desc, lang) {
    Object.assign(this, { page, desc, lang });
    this.root = page.locator('.page:visible');
    this.rows = this.root.locator('tr[data-row]');
    this.drawer = page.locator('.el-drawer.open');
    this.dialog = page.locator('.el-overlay-dialog:visible .el-dialog');
    this.box = page.locator('.el-message-box:visible').last();
  }
  can(a) {
    return this.desc.can.includes(a);
  }
  async open() {
    await this.page.evaluate((p) => (location.hash = p), `/r/${this.desc.name}`);
    await this.settled();
  }
  async settled() {
    await this.root.locator('tbody:not([aria-hidden])').waitFor({ state: 'attached' });
    await this.page.waitForFunction(() => ![...document.querySelectorAll('.page')].some((p) => p.offsetParent && p.querySelector('[aria-busy=true]')));
  }
  async chord(key) {
    await this.page.keyboard.press(`Alt+${key}`);
  }
  field(key, within = this.drawer) {
    return within.locator(`[data-field="${key}"]`).first();
  }
  /* opens a select and takes the choice with this text, or the first */
  async choose(select, text) {
    await select.locator('input, .el-select__wrapper').first().click();
    const list = this.page.locator('.el-select-dropdown:visible');
    const items = list.locator('.el-select-dropdown__item:not(.is-disabled)');
    const item = text ? items.filter({ hasText: text }).first() : items.first();
    await item.waitFor();
    await item.click();
    await list.waitFor({ state: 'hidden' });
  }
  /* Fills one field of a form with something right; says what. */
  async fill(f, within = this.drawer) {
    const at = this.field(f.key, within);
    if (f.type === 'upload') {
      const name = `t${fresh()}.wav`;
      await at.locator('input[type=file]').setInputFiles({ name, mimeType: 'audio/wav', buffer: wav() });
      return name;
    }
    if (f.type === 'target') return void (await this.choose(at, this.lang === 'en' ? 'Hang up' : '挂机'));
    if (f.type === 'ref' || f.type === 'enum') return void (await this.choose(at));
    if (f.type === 'list' && f.single) return void (await at.locator('ul .item').first().click());
    if (f.type === 'list') return undefined;
    const text = f.type === 'secret' ? `Aa1-${fresh()}` : textFor(f);
    await at.locator('input, textarea').first().fill(text);
    return text;
  }
  async add() {
    await this.chord('a');
    await this.drawer.locator('form').waitFor();
    const values = {};
    /* what is asked for, and the names by which the row is found again */
    for (const f of inForm(this.desc)) {
      const has = f.def !== undefined && f.def !== null && f.def !== '';
      const wanted = (f.required && !has) || f.key === this.desc.label || f.key === 'name' || f.type === 'upload' || (f.required && f.unique);
      if (!wanted || f.type === 'bool' || (f.type === 'ref' && f.key === 'company_id')) continue;
      values[f.key] = await this.fill(f);
    }
    await this.complete(values);
    await this.save();
    return values;
  }
  /* some resources want more than their descriptor says */
  async complete(values) {
    if (this.desc.name === 'trunks') values.host = await this.fill(this.desc.fields.find((f) => f.key === 'host'));
  }
  async edit(row) {
    await row.getByRole('button', { name: this.lang === 'en' ? 'Edit' : '修改', exact: true }).click();
    await this.drawer.locator('form').waitFor();
  }
  async save() {
    await this.drawer.locator('.el-drawer__footer .el-button--primary').click();
    /* a secret that is shown once has the drawer for itself */
    const once = this.drawer.locator('.el-drawer__body:not(:has(form)) .el-button--primary');
    for (const end = Date.now() + 15_000; ; ) {
      if (!(await this.drawer.count())) break;
      const bad = this.drawer.locator('.el-form-item__error:visible, small.error:visible');
      if (await bad.count()) assert.fail(`${this.desc.name}: ${(await bad.allTextContents()).join(' | ')} in ${await this.drawer.locator('.is-error .el-form-item__label').allTextContents()}`);
      if (await once.count()) await once.last().click({ timeout: 1000 }).catch(() => {});
      if (Date.now() > end) assert.fail(`${this.desc.name}: the form stays open: ${await this.page.locator('.el-message').allTextContents()}`);
      await this.page.waitForTimeout(80); // lint: poll of the page
    }
    await this.settled();
  }
  async search(text) {
    await this.root.locator('input[type=search]').fill(text);
    const answered = this.page.waitForResponse((r) => r.url().includes(`/api/v1/${this.desc.name}?`) && r.request().method() === 'GET');
    await this.page.keyboard.press('Enter');
    await answered;
    await this.settled();
  }
  async total() {
    const s = await this.root.locator('.shown').textContent();
    return Number(/(\d[\d,]*)\D*$/.exec(s)?.[1].replaceAll(',', '') ?? 0);
  }
  async expectRows(k) {
    await this.page.waitForFunction((x) => [...document.querySelectorAll('.page')].find((p) => p.offsetParent)?.querySelectorAll('tr[data-row]').length === x, k);
  }
  async menu(row, item) {
    const entry = this.page.getByRole('menuitem', { name: item, exact: true });
    /* a list that is drawn again at this moment closes the menu */
    for (let i = 0; i < 3 && !(await entry.isVisible()); i++) {
      await row.locator('.dots').click();
      await entry.waitFor({ timeout: 4000 }).catch(() => {});
    }
    await entry.click();
  }
  async shut() {
    for (let i = 0; i < 4 && (await this.page.locator('.el-drawer.open, .el-overlay-dialog:visible .el-dialog').count()); i++) {
      await this.page.keyboard.press('Escape');
      const discard = this.box.locator('.el-button--primary');
      if (await discard.isVisible({ timeout: 250 }).catch(() => false)) await discard.click();
      await this.page.waitForTimeout(350); // lint: it fades
    }
  }
  async remove() {
    await this.root.getByRole('button', { name: this.lang === 'en' ? 'Delete' : '删除', exact: true }).first().click();
    await this.box.locator('.el-button--danger').click();
    /* what is used may need a second word */
    for (const end = Date.now() + 15_000; await this.page.locator('.el-message-box:visible').count(); ) {
      const again = this.page.locator('.el-message-box:visible', { hasText: this.lang === 'en' ? 'In use' : '正在被使用' }).locator('.el-button--danger');
      if (await again.count()) await again.click({ timeout: 1000 }).catch(() => {});
      if (Date.now() > end) assert.fail(`${this.desc.name}: not deleted: ${await this.box.textContent()}`);
      await this.page.waitForTimeout(100); // lint: poll of the page
    }
    await this.settled();
  }
}
