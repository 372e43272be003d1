export interface Today {
  all: number;
  inbound: number;
  inboundOk: number;
  outbound: number;
  outboundOk: number;
}
/* rounded down, as in the reports; none of none is nothing to be proud of */
export const rate = (part: number, all: number): string => (all > 0 ? `${Math.floor((part * 100) / all)} %` : '—');
