/* What the server says. Times are epoch milliseconds, durations milliseconds. */
export type Lang = 'zh-CN' | 'en';
export type L10n = Partial<Record<Lang, string>>;

export interface User {
  id: number;
  login: string;
  name: string;
  company_id: number;
  company: string;
  extension: string;
  role: string;
  scope: 'own' | 'department' | 'company' | 'system';
  pop: boolean;
  mask_numbers: boolean;
}
export interface ServerInfo {
  version: string;
  sipPort: number;
  sipTlsPort: number;
  realm: string;
  tz: string;
}
export interface Session {
  user: User;
  csrf: string;
  mustChange: boolean;
  twoFactor?: boolean;
  apply?: { dirty?: number } | null;
  lang: Lang;
  rights: string[];
  server: ServerInfo;
}

export type FieldType =
  | 'text' | 'textarea' | 'digits' | 'int' | 'number' | 'phone' | 'secret' | 'bool' | 'enum' | 'radio' | 'tags' | 'date'
  | 'time' | 'datetime' | 'duration' | 'cidr' | 'ref' | 'audio' | 'link' | 'json' | 'order' | 'target' | 'list' | 'upload';
export type Tone = 'success' | 'warning' | 'danger' | 'info' | 'primary';
export type Option = { v: string | number | boolean; tone?: Tone } & L10n;
export type Place = 'list' | 'form' | 'quick' | 'adv';
/* one of the things "application + parameter" may name; resource: whose rows are parameters, text: a free number, else nothing */
export interface App {
  app: string;
  label: L10n;
  resource?: string | null;
  text?: boolean;
}
export interface Field {
  key: string;
  type: FieldType;
  label?: L10n;
  help?: L10n;
  in?: Place[];
  required?: boolean;
  unique?: boolean;
  pattern?: string;
  minLen?: number;
  maxLen?: number;
  min?: number;
  max?: number;
  options?: Option[];
  ref?: string;
  writeOnly?: boolean;
  readOnly?: boolean;
  generate?: boolean;
  live?: string;
  default?: unknown;
  def?: unknown; /* what a new form begins with */
  group?: L10n; /* heading above this field in the form */
  refFilter?: string;
  apps?: App[]; /* target */
  param?: string; /* target: key of the parameter */
  items?: Field[]; /* list: columns of its rows */
  single?: boolean; /* list: one column, an ordered choice of rows */
  accept?: string; /* upload */
  path?: string;
  sortable?: boolean;
  match?: 'contains' | 'prefix'; /* texts: what a filter can find beyond the whole */
  createOnly?: boolean;
  width?: number;
}
export type Row = Record<string, unknown>;
export interface Descriptor {
  name: string;
  title: L10n;
  path: string;
  key: string;
  rev?: string;
  label: string;
  defaultSort?: string;
  pageSizes?: number[];
  needsApply?: boolean; /* goes live by 更新配置 */
  order?: boolean; /* rows have an order set by hand */
  import?: { columns: string[] };
  can: string[];
  fields: Field[];
}
export interface Page {
  rows: Row[];
  total: number;
  next: string | null;
}
/* a choice of another resource's rows, with the words for it */
export interface Choice {
  v: number | string;
  label: string;
}
export interface Used {
  resource: string;
  id?: number;
  label: string;
}
export interface MenuItem {
  id: string;
  title: L10n;
  icon?: string;
  page?: string; /* 'grid', or the name of a page of its own */
  resource?: string;
  children?: MenuItem[];
}
export interface Meta {
  menu: MenuItem[];
  resources: string[];
}

export type CallState = 'routing' | 'ringing' | 'talking' | 'held' | 'ended';
export type CallDir = 'internal' | 'inbound' | 'outbound';
export interface Call {
  id: number;
  dir: CallDir;
  state: CallState;
  ext: string;
  from: string;
  from_name: string;
  to: string;
  peer: string;
  where: string;
  trunk: string;
  start: number;
  answered: number;
  ended: number;
  recording: boolean;
  scode: number;
}
export interface HistoryCall {
  id: number;
  start: number;
  direction: CallDir;
  caller: string;
  callee: string;
  state: string;
  talk: number;
}
/* where a number is at home; a mobile of a new range has a carrier only */
export interface Location {
  province: string;
  city: string;
  carrier: string;
}
export interface PhoneInfo {
  extension: string;
  online: boolean;
  state: 'idle' | 'ringing' | 'talking' | 'held';
  call: Call | null;
}
export interface Peaks {
  left: number[];
  right: number[];
  length: number;
}
