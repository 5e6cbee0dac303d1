// Looks for anything that a lab left on the machine, without the lab's own code or state.
import { execFileSync } from 'node:child_process';
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';

/** Descriptions of what is left of a lab that lived in `dir`: empty after a clean end. */
export function leftovers(name: string, dir: string): string[] {
  const mark = `isthmus-${name}-`;
  const ours = (text: string) => text.includes(mark) || text.includes(`${dir}/`);
  const processes = readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && Number(pid) !== process.pid)
    .filter((pid) => ours(read(`/proc/${pid}/cgroup`)) || ours(read(`/proc/${pid}/cmdline`)))
    .map((pid) => `process ${pid}: ${read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')}`);
  const mounts = read('/proc/self/mounts').split('\n').filter(ours);
  const links = execFileSync('ip', ['-details', 'link'], { encoding: 'utf8' })
    .split('\n')
    .filter((line) => ours(`${line}/`));
  const namespaces = execFileSync('ip', ['netns', 'list'], { encoding: 'utf8' }).split('\n').filter(ours);
  const cgroups = globSync(`/sys/fs/cgroup/**/${mark}*`);
  const files = existsSync(dir) ? [dir] : [];
  return [...processes, ...mounts, ...links, ...namespaces, ...cgroups, ...files];
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
