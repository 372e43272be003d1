export interface OwnSession {
  id: number | string;
  addr: string;
  agent: string;
  seen: number;
  current: boolean;
}
export interface AccountInfo {
  twoFactor: boolean;
  codesLeft: number;
  sessions: OwnSession[];
}
/* "Chrome 120 · Windows" of what a browser calls itself; the whole text where nothing is known in it. */
export function browserName(agent: string): string {
  const app =
    /Edg(?:e|A|iOS)?\/(\d+)/.exec(agent)?.[1] ? `Edge ${/Edg(?:e|A|iOS)?\/(\d+)/.exec(agent)![1]}` :
    /OPR\/(\d+)/.test(agent) ? `Opera ${/OPR\/(\d+)/.exec(agent)![1]}` :
    /(?:Headless)?Chrome\/(\d+)/.test(agent) ? `Chrome ${/(?:Headless)?Chrome\/(\d+)/.exec(agent)![1]}` :
    /Firefox\/(\d+)/.test(agent) ? `Firefox ${/Firefox\/(\d+)/.exec(agent)![1]}` :
    /Version\/(\d+).*Safari/.test(agent) ? `Safari ${/Version\/(\d+)/.exec(agent)![1]}` : '';
  const system = /Windows/.test(agent) ? 'Windows' : /iPhone|iPad/.test(agent) ? 'iOS' : /Mac OS X/.test(agent) ? 'macOS' : /Android/.test(agent) ? 'Android' : /Linux/.test(agent) ? 'Linux' : '';
  return app ? [app, system].filter(Boolean).join(' · ') : agent.slice(0, 60);
}
