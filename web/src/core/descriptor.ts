/* A descriptor as the pages want it: what the server nests by type lies flat in the field. */
import type { App, Descriptor, Field } from './types';

type Sent = Field & { target?: { apps?: App[]; param?: string }; list?: { items?: Field[]; single?: boolean }; upload?: { accept?: string; path?: string } };

function flat(f: Sent): Field {
  const { target, list, upload, ...rest } = f;
  const out: Field = { ...rest, ...target, ...list, ...upload };
  if (out.items) out.items = out.items.map(flat);
  if (out.type === 'target') out.param ??= 'param';
  return out;
}
export const normal = (d: Descriptor): Descriptor => ({ ...d, fields: d.fields.map(flat) });
