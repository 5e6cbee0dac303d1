// What /proc tells about processes: identity that survives pid reuse, and who belongs to a namespace.
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';

/** A process, told apart from a later one with the same pid by its start time in clock ticks since boot. */
export interface ProcessIdentity {
  readonly pid: number;
  readonly startTime: string;
}

/** The fields of /proc/PID/stat that the lab needs. */
export interface ProcessStat {
  readonly state: string;
  readonly parent: number;
  readonly startTime: string;
}

/** Parses /proc/PID/stat; the command name in it may hold spaces and parentheses. */
export function parseStat(text: string): ProcessStat {
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0] ?? '', parent: Number(fields[1]), startTime: fields[19] ?? '' };
}

/** Reads a process's stat; undefined when there is no such process. */
export function readStat(pid: number): ProcessStat | undefined {
  try {
    return parseStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return undefined;
  }
}

/** The identity of a running process; undefined when it is gone. */
export function identify(pid: number): ProcessIdentity | undefined {
  const stat = readStat(pid);
  return stat && { pid, startTime: stat.startTime };
}

/** Whether this very process still runs (a zombie does not). */
export function isAlive({ pid, startTime }: ProcessIdentity): boolean {
  const stat = readStat(pid);
  return stat !== undefined && stat.startTime === startTime && stat.state !== 'Z' && stat.state !== 'X';
}

/** All pids of this machine. */
export function allPids(): number[] {
  return readdirSync('/proc').flatMap((name) => (/^\d+$/.test(name) ? [Number(name)] : []));
}

/** Children of a process. */
export function childrenOf(parent: number): number[] {
  return allPids().filter((pid) => readStat(pid)?.parent === parent);
}

/** Identifies a namespace by its inode, as in `net:[4026532000]`; undefined when it cannot be read. */
export function namespaceOf(pid: number, kind: 'net' | 'mnt' | 'pid'): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/${kind}`);
  } catch {
    return undefined;
  }
}

/** Pids that are in one of the given namespaces. */
export function pidsInNamespaces(namespaces: ReadonlySet<string>): number[] {
  if (namespaces.size === 0) return [];
  return allPids().filter((pid) =>
    (['net', 'mnt', 'pid'] as const).some((kind) => namespaces.has(namespaceOf(pid, kind) ?? '')),
  );
}

/** The namespace that a file such as /run/netns/NAME holds open, in the form of {@link namespaceOf}. */
export function namespaceOfFile(path: string, kind: 'net'): string | undefined {
  try {
    return `${kind}:[${statSync(path).ino}]`;
  } catch {
    return undefined;
  }
}

/** This process and its ancestors: never to be killed by a search. */
export function ownLineage(): ReadonlySet<number> {
  const lineage = new Set<number>();
  for (let pid = process.pid; pid > 0 && !lineage.has(pid); pid = readStat(pid)?.parent ?? 0) lineage.add(pid);
  return lineage;
}

/** Identity of the running kernel: records of processes from an earlier boot mean nothing. */
export function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}
