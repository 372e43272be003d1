/* What the pretended server knows. */
export const PASSWORD = 'demo-pass-1';
export const user = { id: 1, login: 'admin', name: '管理员', company_id: 1, company: '示范公司', extension: '8000', role: '管理员', scope: 'company', pop: true, mask_numbers: false };

const L = (zh, en) => ({ 'zh-CN': zh, en });
export const menu = {
  menu: [
    { id: 'calls', title: L('话务管理', 'Calls'), icon: 'phone', children: [
      { id: 'live', title: L('实时通话', 'Live calls'), page: 'live' },
      { id: 'calls', title: L('通话记录', 'Call records'), page: 'grid', resource: 'calls' },
    ] },
    { id: 'pbx', title: L('PBX设置', 'PBX'), icon: 'settings', children: [{ id: 'extensions', title: L('分机管理', 'Extensions'), page: 'grid', resource: 'extensions' }] },
  ],
  resources: ['extensions', 'calls'],
};

const o = (v, zh, en, tone) => ({ v, 'zh-CN': zh, en, ...(tone ? { tone } : {}) });
const descriptors = {
  extensions: {
    name: 'extensions', title: L('分机管理', 'Extensions'), path: '/api/v1/extensions', key: 'id', rev: 'rev', label: 'number', defaultSort: 'number', pageSizes: [20, 50, 100],
    can: ['list', 'add', 'batchAdd', 'edit', 'delete', 'export'],
    fields: [
      { key: 'company_id', type: 'ref', ref: 'companies', label: L('公司名称', 'Company'), in: ['list', 'form'], required: true },
      { key: 'number', type: 'digits', label: L('分机号码', 'Number'), in: ['list', 'form', 'quick', 'adv'], pattern: '^[0-9]{3,8}$', required: true, unique: true, sortable: true, minLen: 3, maxLen: 8 },
      { key: 'name', type: 'text', label: L('名称', 'Name'), in: ['list', 'form', 'quick', 'adv'], sortable: true, maxLen: 40 },
      { key: 'reg', type: 'enum', label: L('注册状态', 'State'), in: ['list', 'adv'], live: 'ext.reg', options: [o('on', '在线', 'Online', 'success'), o('off', '离线', 'Offline')] },
      { key: 'secret', type: 'secret', label: L('分机密码', 'Password'), in: ['form'], writeOnly: true, generate: true, minLen: 8, maxLen: 64 },
      { key: 'caller_id', type: 'phone', label: L('出局显示号码', 'Caller ID'), in: ['list', 'form', 'adv'], maxLen: 32, help: L('只在中继没有设置外显号码时使用', 'Used only where the trunk sets none') },
      { key: 'record', type: 'bool', label: L('录音功能', 'Recording'), in: ['list', 'form', 'adv'], default: true },
      { key: 'bind_ip', type: 'cidr', label: L('绑定IP', 'Bound IP'), in: ['list', 'form', 'adv'], help: L('只允许从这个地址或网段注册和呼叫，留空不限', 'Registration and calls only from there; empty: anywhere') },
      { key: 'agent', type: 'text', label: L('话机', 'Device'), in: ['list'] },
      { key: 'created', type: 'datetime', label: L('添加时间', 'Added'), in: ['list'], readOnly: true, sortable: true },
    ],
  },
  calls: {
    name: 'calls', title: L('通话记录', 'Call records'), path: '/api/v1/calls', key: 'id', label: 'start', defaultSort: '-start', pageSizes: [20, 50, 100], can: ['list', 'export', 'play', 'download'],
    fields: [
      { key: 'start', type: 'datetime', label: L('开始时间', 'Start'), in: ['list', 'adv'], sortable: true },
      { key: 'caller', type: 'phone', label: L('主叫', 'Caller'), in: ['list', 'quick', 'adv'] },
      { key: 'callee', type: 'phone', label: L('被叫', 'Callee'), in: ['list', 'quick', 'adv'] },
      { key: 'transfer_to', type: 'phone', label: L('转移', 'Transfer'), in: ['list', 'adv'] },
      { key: 'app', type: 'enum', label: L('应用', 'Application'), in: ['list'], options: [o('extension', '分机', 'Extension')] },
      { key: 'ring', type: 'duration', label: L('震铃时长', 'Ring'), in: ['list'], sortable: true },
      { key: 'talk', type: 'duration', label: L('通话时长', 'Talk'), in: ['list', 'adv'], sortable: true },
      { key: 'direction', type: 'enum', label: L('呼叫类型', 'Direction'), in: ['list', 'adv'], options: [o('inbound', '呼入', 'Inbound'), o('outbound', '呼出', 'Outbound'), o('internal', '内部', 'Internal')] },
      { key: 'state', type: 'enum', label: L('状态', 'State'), in: ['list', 'adv'], options: [o('answered', '已接通', 'Answered', 'success'), o('no-answer', '未接听', 'No answer', 'danger'), o('busy', '占线', 'Busy', 'warning'), o('cancelled', '主叫取消', 'Cancelled', 'info')] },
      { key: 'recording', type: 'audio', label: L('录音', 'Recording'), in: ['list', 'adv'] },
    ],
  },
};
export const describe = (name) => descriptors[name];

export const extensions = Array.from({ length: 50 }, (_, i) => ({
  id: i + 1, company_id: 1, number: String(8000 + i), name: ['张伟', '王芳', '李娜', '刘洋', '陈静', ''][i % 6], caller_id: i % 7 ? '' : '02088886666', record: i % 5 !== 3, bind_ip: i % 9 === 4 ? '192.168.1.0/24' : '',
  reg: i % 3 === 2 ? 'off' : 'on', rtt_us: i % 3 === 2 ? -1 : 1200 + i * 731, agent: i % 3 === 2 ? '' : ['Yealink SIP-T46U', 'baresip v1.0.0', 'Grandstream GXP2170'][i % 3], created: Date.now() - 86400000 * 30, rev: 1,
}));

const STATES = ['answered', 'answered', 'answered', 'no-answer', 'answered', 'busy', 'cancelled'];
export const calls = Array.from({ length: 137 }, (_, i) => {
  const start = Date.now() - i * 1_910_000 - 60_000;
  const state = STATES[i % STATES.length];
  const talk = state === 'answered' ? 20_000 + ((i * 7919) % 300_000) : 0;
  const ring = 3000 + ((i * 977) % 22_000);
  const inbound = i % 3 !== 1;
  const far = ['13800138000', '02088881234', '13912345678', '8003'][i % 4];
  return {
    id: 4000 - i, start, ended: start + ring + talk, ring, talk, direction: far.length === 4 ? 'internal' : inbound ? 'inbound' : 'outbound', caller: inbound ? far : '8000', caller_name: far === '13800138000' && inbound ? '张三' : '',
    callee: inbound ? '8000' : far, caller_ext: inbound ? '' : '8000', callee_ext: inbound ? '8000' : '', transfer_to: i % 11 === 4 ? '8006' : '', app: 'extension', trunk: far.length === 4 ? '' : 'gw1', state, scode: state === 'busy' ? 486 : 200,
    hangup_by: 'caller', recording: state === 'answered', rec_problem: i === 2 ? 'disk slow, 1.2 s lost' : '',
    quality: talk ? [{ leg: 'caller', num: far, codec: 'PCMA', rx: 5000, tx: 5000, lost: 3, loss: 0.06, jitter: 2.1, rtt: 23, mos: 4.3 }, { leg: 'callee', num: '8000', codec: 'G729', rx: 5000, tx: 4990, lost: 98, loss: 1.9, jitter: 18, rtt: 80, mos: 3.7 }] : [],
    timeline: [
      { t: start, e: 'start', d: '8000' }, { t: start + 40, e: 'dial', d: '8000' }, { t: start + 120, e: 'ring', d: '8000' },
      ...(talk ? [{ t: start + ring, e: 'answer', d: '8000' }, { t: start + ring + 2, e: 'record' }, { t: start + ring + 9000, e: 'hold', d: '8000' }, { t: start + ring + 12_000, e: 'resume', d: '8000' }, { t: start + ring + talk, e: 'end', d: 'caller' }] : [{ t: start + ring, e: state }]),
    ],
  };
});

/* 24 s of two tones that take turns, 8 kHz stereo PCM */
const RATE = 8000;
const SECONDS = 24;
function makeWav() {
  const data = Buffer.alloc(RATE * SECONDS * 4);
  for (let i = 0; i < RATE * SECONDS; i++) {
    const turn = Math.floor(i / RATE / 3) % 2;
    const env = 0.5 + 0.5 * Math.sin(i / 900);
    data.writeInt16LE(turn ? 0 : Math.round(9000 * env * Math.sin((i * 2 * Math.PI * 440) / RATE)), i * 4);
    data.writeInt16LE(turn ? Math.round(9000 * env * Math.sin((i * 2 * Math.PI * 880) / RATE)) : 0, i * 4 + 2);
  }
  const h = Buffer.alloc(44);
  h.write('RIFF', 0); h.writeUInt32LE(36 + data.length, 4); h.write('WAVEfmt ', 8); h.writeUInt32LE(16, 16); h.writeUInt16LE(1, 20); h.writeUInt16LE(2, 22);
  h.writeUInt32LE(RATE, 24); h.writeUInt32LE(RATE * 4, 28); h.writeUInt16LE(4, 32); h.writeUInt16LE(16, 34); h.write('data', 36); h.writeUInt32LE(data.length, 40);
  return Buffer.concat([h, data]);
}
export const wav = makeWav();
const voice = (on) => Array.from({ length: 600 }, (_, i) => (Math.floor((i / 600) * (SECONDS / 3)) % 2 === on ? Math.round(60 + 140 * Math.abs(Math.sin(i * 1.7) * Math.sin(i * 0.31))) : Math.round(3 * Math.abs(Math.sin(i)))));
export const peaks = { left: voice(0), right: voice(1), length: SECONDS * 1000 };
