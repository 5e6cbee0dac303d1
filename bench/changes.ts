// The kinds of changes that are measured. Each leaves a mark in what proxies get, so that its arrival can be seen.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  authorizationPolicy,
  credential,
  destinationRule,
  endpointSlice,
  placeOf,
  serviceParts,
  virtualService,
} from './objects.ts';
import { hexMark, type Planned, type Stage, textMark } from './stage.ts';

let marks = 0;

/** An address of 10.250.0.0/16 that nobody has. */
function freshAddress(): string {
  const n = ++marks;
  return `10.250.${(n >> 8) & 255}.${n & 255}`;
}
const freshWord = (): string => `bench-${(++marks).toString(36)}`;

/** One more pod in the endpoints of a service, in the place of the one that the change before it brought. */
export function endpointChange({ world, sizes }: Stage, index: number): Planned {
  const service = index % sizes.services;
  const address = freshAddress();
  return {
    change: { object: `endpoints ${service}`, marks: [textMark(address, 'EDS')] },
    write: () => world.put(endpointSlice(service, sizes, address)),
  };
}

/** Another header value in a VirtualService's first route. */
export function virtualServiceChange({ world, sizes }: Stage, index: number): Planned {
  const service = index % sizes.virtualServices;
  const word = freshWord();
  return {
    change: { object: `virtual service ${service}`, marks: [textMark(word, 'RDS', 'VHDS')] },
    write: () => world.put(virtualService(service, sizes, word)),
  };
}

/** Another limit of a pool. */
export function destinationRuleChange({ world, sizes }: Stage, index: number): Planned {
  const service = index % sizes.destinationRules;
  const limit = 100_000_000 + ++marks;
  return {
    change: { object: `destination rule ${service}`, marks: [hexMark(uint32Value(limit), 'CDS')] },
    write: () => world.put(destinationRule(service, sizes, limit)),
  };
}

/** Another path in the policy of one namespace: only its proxies get something. */
export function authorizationPolicyChange({ world, sizes }: Stage, index: number): Planned {
  const namespace = `ns-${index % sizes.namespaces}`;
  const word = freshWord();
  return {
    change: { object: `policy ${namespace}`, marks: [textMark(word, 'LDS')] },
    write: () => world.put(authorizationPolicy(namespace, word)),
    namespaces: [namespace],
  };
}

/** A service that was not there, with its pods and endpoints: clusters, endpoints, listener and routes. */
export function newService({ world, sizes }: Stage, index: number): Planned {
  const service = sizes.services + index;
  const address = freshAddress();
  const { host, clusterIp } = placeOf(service, sizes);
  const marks = [
    textMark(address, 'EDS'),
    hexMark(Buffer.from(host), 'RDS', 'VHDS'),
    hexMark(Buffer.from(world.clusterIp(clusterIp)), 'LDS'),
  ];
  return {
    change: { object: `service ${service}`, marks },
    async write() {
      const [first, ...rest] = [...serviceParts(service, sizes, address)];
      const at = await world.put(first!);
      for (const part of rest) await world.put(part);
      return at;
    },
  };
}

/** Another certificate of the gateway. */
export function secretChange({ world }: Stage, index: number): Planned {
  const { certificate, key } = certificates()[index % 2]!;
  // The middle of the text differs between certificates; marks must be new, so a comment is put before it.
  const word = freshWord();
  return {
    change: { object: 'secret', marks: [textMark(word, 'SDS')] },
    write: () => world.put(credential(`# ${word}\n${certificate}`, key)),
    kind: 'router',
  };
}

/** `google.protobuf.UInt32Value` as a field of its own. */
function uint32Value(value: number): Buffer {
  const bytes: number[] = [0x08];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    bytes.push(rest > 0x7f ? (rest & 0x7f) | 0x80 : rest);
    if (rest <= 0x7f) return Buffer.from(bytes);
  }
}

let made: { certificate: string; key: string }[] | undefined;

function certificates(): { certificate: string; key: string }[] {
  made ??= ['a.example.com', 'b.example.com'].map((name) => {
    const directory = mkdtempSync(join(tmpdir(), 'bench-cert-'));
    try {
      const [key, certificate] = [join(directory, 'key'), join(directory, 'crt')];
      const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
      const subject = ['-subj', `/CN=${name}`, '-days', '30', '-keyout', key, '-out', certificate];
      execFileSync('openssl', ['req', '-x509', ...curve, ...subject], { stdio: 'ignore' });
      return { certificate: readFileSync(certificate, 'utf8'), key: readFileSync(key, 'utf8') };
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
  return made;
}
