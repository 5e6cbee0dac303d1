// Checks the annotations that steer injection, so that a typo is an error with its place and not a broken pod.
import { BlockList, isIP } from 'node:net';
import type { Problem } from '../model/problem.ts';
import { isObject } from './json.ts';
import type { StringMap } from './pod.ts';
import { parseBool } from './pod.ts';

type Check = (value: string) => string | undefined;

const CHECKS: Readonly<Record<string, Check>> = {
  'sidecar.istio.io/interceptionMode': oneOf('REDIRECT', 'TPROXY', 'NONE'),
  'sidecar.istio.io/rewriteAppHTTPProbers': boolean,
  'sidecar.istio.io/nativeSidecar': boolean,
  'sidecar.istio.io/capNetBindService': boolean,
  'sidecar.istio.io/proxyCPU': quantity,
  'sidecar.istio.io/proxyMemory': quantity,
  'sidecar.istio.io/proxyCPULimit': quantity,
  'sidecar.istio.io/proxyMemoryLimit': quantity,
  'sidecar.istio.io/userVolume': volumes,
  'sidecar.istio.io/userVolumeMount': volumes,
  'sidecar.istio.io/bootstrapOverride': nonEmpty,
  'sidecar.istio.io/proxyImageType': nonEmpty,
  'prometheus.istio.io/merge-metrics': boolean,
  'status.sidecar.istio.io/port': port,
  'readiness.status.sidecar.istio.io/initialDelaySeconds': uint,
  'readiness.status.sidecar.istio.io/periodSeconds': uint,
  'readiness.status.sidecar.istio.io/failureThreshold': uint,
  'readiness.status.sidecar.istio.io/applicationPorts': ports,
  'traffic.sidecar.istio.io/includeOutboundIPRanges': anyOr('*', ranges),
  'traffic.sidecar.istio.io/excludeOutboundIPRanges': ranges,
  'traffic.sidecar.istio.io/includeInboundPorts': anyOr('*', ports),
  'traffic.sidecar.istio.io/excludeInboundPorts': ports,
  'traffic.sidecar.istio.io/includeOutboundPorts': anyOr('*', ports),
  'traffic.sidecar.istio.io/excludeOutboundPorts': ports,
};

/** All problems of a pod's annotations. Annotations that injection does not know are not its business. */
export function checkAnnotations(annotations: StringMap): Problem[] {
  const problems: Problem[] = [];
  for (const [name, check] of Object.entries(CHECKS)) {
    const value = annotations[name];
    if (value === undefined) continue;
    const wrong = check(value);
    if (wrong !== undefined) {
      problems.push({
        code: 'invalid-annotation',
        severity: 'error',
        path: `metadata.annotations["${name}"]`,
        message: `${name} is ${JSON.stringify(value)}: ${wrong}`,
      });
    }
  }
  return problems;
}

/** Entries of a comma-separated list, trimmed; empty entries are left out. */
export function splitList(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/** Reads `userVolume` and `userVolumeMount`: a JSON object by volume name, or a JSON array of objects with `name`. */
export function userVolumes(text: string): { name: string; [key: string]: unknown }[] {
  const parsed: unknown = JSON.parse(text);
  const entries = Array.isArray(parsed)
    ? parsed
    : Object.entries(parsed as object).map(([name, body]) => ({ name, ...(body as object) }));
  return entries as { name: string }[];
}

function oneOf(...allowed: string[]): Check {
  return (value) => (allowed.includes(value) ? undefined : `must be one of ${allowed.join(', ')}`);
}

function anyOr(word: string, check: Check): Check {
  return (value) => (value === word ? undefined : check(value));
}

function boolean(value: string): string | undefined {
  return parseBool(value) === undefined ? 'must be true or false' : undefined;
}

function nonEmpty(value: string): string | undefined {
  return value.trim() === '' ? 'must not be empty' : undefined;
}

function uint(value: string): string | undefined {
  return /^\d{1,10}$/.test(value) && Number(value) <= 0xffffffff ? undefined : 'must be a whole number of at least 0';
}

function port(value: string): string | undefined {
  return /^\d{1,5}$/.test(value) && Number(value) <= 65535 ? undefined : 'must be a port number (0 turns probes off)';
}

function ports(value: string): string | undefined {
  const bad = splitList(value).find((item) => port(item) !== undefined || Number(item) === 0);
  return bad === undefined ? undefined : `${JSON.stringify(bad)} is not a port number; write ports as 8080,9090`;
}

function ranges(value: string): string | undefined {
  const bad = splitList(value).find((item) => !isRange(item));
  return bad === undefined ? undefined : `${JSON.stringify(bad)} is not an address range like 10.0.0.0/8`;
}

function isRange(text: string): boolean {
  const [address = '', bits = '', ...rest] = text.split('/');
  const family = isIP(address);
  if (rest.length > 0 || family === 0 || !/^\d{1,3}$/.test(bits)) return false;
  try {
    new BlockList().addSubnet(address, Number(bits), family === 4 ? 'ipv4' : 'ipv6');
    return true;
  } catch {
    return false;
  }
}

function quantity(value: string): string | undefined {
  const known = /^[+-]?(\d+|\d+\.\d*|\.\d+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?$/.test(value);
  return known ? undefined : 'must be a quantity like 100m or 128Mi';
}

function volumes(value: string): string | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(value);
  } catch {
    return 'must be JSON: an object by volume name, or a list of objects with a name';
  }
  const named = Array.isArray(parsed) && parsed.every((item) => isObject(item) && typeof item.name === 'string');
  const byName = isObject(parsed) && Object.values(parsed).every(isObject);
  return named || byName ? undefined : 'must be a JSON object by volume name, or a list of objects with a name';
}
