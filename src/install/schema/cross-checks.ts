// What a schema cannot say: names that must be there and be unique, ports that clash, components this mesh does not have.
import { isIP } from 'node:net';
import { flagAt, isObject, type Json, type JsonObject, listAt, numberAt, objectAt, textAt } from '../json.ts';
import type { PathStep } from '../set-flag.ts';
import type { InstallProblem, OperatorDocument } from '../source.ts';
import { showPath } from './schema.ts';

const NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;
const LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

type Locate = (path: readonly PathStep[]) => { readonly source?: string; readonly line?: number };

/**
 * Checks of each document by itself, which know the lines, and of the merged spec, which sees what flags and merging
 * make of them. What a document's own check has reported is not repeated for the merged spec.
 */
export function crossChecks(spec: JsonObject, documents: readonly OperatorDocument[]): InstallProblem[] {
  const own = documents.flatMap((document) => {
    const where: Locate = (path) => ({ source: document.source, line: document.lineOf(path) });
    const part = objectAt(document.value, 'spec');
    return [...duplicateGateways(document), ...gatewayNames(part, where), ...servicePorts(part, where)];
  });
  const find = locator(documents);
  const nowhere: Locate = () => ({});
  const merged = [
    ...missingComponents(spec, find),
    ...gatewayNames(spec, nowhere),
    ...servicePorts(spec, nowhere),
    ...names(spec, find),
    ...remote(spec, find),
  ];
  const known = new Set(own.map(({ code, message }) => `${code} ${message}`));
  return [...own, ...merged.filter(({ code, message }) => !known.has(`${code} ${message}`))];
}

/** The last document that says something at a path, and where. */
function locator(documents: readonly OperatorDocument[]): Locate {
  return (path) => {
    const document = documents.findLast(({ value }) => path.reduce<Json | undefined>(stepInto, value) !== undefined);
    return document ? { source: document.source, line: document.lineOf(path) } : {};
  };
}

function stepInto(here: Json | undefined, step: PathStep): Json | undefined {
  if (Array.isArray(here)) return typeof step === 'number' ? (here[step] as Json | undefined) : undefined;
  return isObject(here) ? here[step] : undefined;
}

function problem(code: string, path: readonly PathStep[], message: string, where: ReturnType<Locate>): InstallProblem {
  return { code, severity: 'error', path: showPath(path), message, ...where };
}

/** The same gateway twice in one list is a slip: merged by name, the second would silently change the first. */
function duplicateGateways(document: OperatorDocument): InstallProblem[] {
  const seen = new Map<string, string>();
  return ['ingressGateways', 'egressGateways'].flatMap((key) =>
    listAt(document.value, `spec.components.${key}`).flatMap((gateway, i) => {
      const path = ['spec', 'components', key, i, 'name'];
      const name = textAt(gateway, 'name');
      const id = `${textAt(gateway, 'namespace')}/${name}`;
      const first = seen.get(id);
      if (!name || !first) {
        seen.set(id, showPath(path));
        return [];
      }
      const message = `gateway ${name} is already defined at ${first}; every gateway of a namespace needs its own name`;
      return [problem('duplicate-gateway', path, message, { source: document.source, line: document.lineOf(path) })];
    }),
  );
}

function missingComponents(spec: JsonObject, find: Locate): InstallProblem[] {
  const what = {
    cni: 'a CNI plugin: traffic is captured by an init container',
    ztunnel: 'ztunnel: every pod has its own proxy',
  };
  return Object.entries(what).flatMap(([key, about]) => {
    if (!flagAt(spec, `components.${key}.enabled`)) return [];
    const path = ['spec', 'components', key, 'enabled'];
    return [problem('missing-component', path, `this mesh does not have ${about}; set it to false`, find(path))];
  });
}

function gatewayNames(spec: JsonObject, find: Locate): InstallProblem[] {
  return ['ingressGateways', 'egressGateways'].flatMap((key) =>
    listAt(spec, `components.${key}`).flatMap((gateway, i) => {
      const path = ['spec', 'components', key, i];
      const name = textAt(gateway, 'name');
      if (!name) return [problem('missing-name', path, 'every gateway needs a name', find(path))];
      if (NAME.test(name) && name.length <= 40) return [];
      const message = `${name} cannot name a Service; use at most 40 lower-case letters, digits and dashes`;
      return [problem('bad-name', [...path, 'name'], message, find([...path, 'name']))];
    }),
  );
}

/** Ports of one Service: unique by number and protocol, named when there are several, and names unique. */
function servicePorts(spec: JsonObject, find: Locate): InstallProblem[] {
  const lists: PathStep[][] = ['ingressGateways', 'egressGateways'].flatMap((key) =>
    listAt(spec, `components.${key}`).map((_, i) => ['components', key, i, 'k8s', 'service', 'ports']),
  );
  lists.push(['components', 'pilot', 'k8s', 'service', 'ports']);
  return lists.flatMap((path) => {
    const ports = path.reduce<Json | undefined>(stepInto, spec);
    if (!Array.isArray(ports)) return [];
    const seen = new Map<string, number>();
    return (ports as readonly Json[]).flatMap((entry, i) => {
      const at: PathStep[] = ['spec', ...path, i];
      const out: InstallProblem[] = [];
      const name = textAt(entry, 'name');
      const number = numberAt(entry, 'port');
      if (number === undefined) out.push(problem('bad-port', at, 'has no port number; set port', find(at)));
      if (!name && ports.length > 1)
        out.push(problem('bad-port', at, 'has no name; a Service with several ports needs names', find(at)));
      for (const id of [
        name && `name ${name}`,
        number !== undefined && `port ${number}/${textAt(entry, 'protocol', 'TCP')}`,
      ]) {
        if (!id) continue;
        const first = seen.get(id);
        if (first !== undefined)
          out.push(problem('bad-port', at, `${id} is already used by ports[${first}]`, find(at)));
        else seen.set(id, i);
      }
      return out;
    });
  });
}

function names(spec: JsonObject, find: Locate): InstallProblem[] {
  const out: InstallProblem[] = [];
  const label = (path: PathStep[], what: string) => {
    const value = textAt(spec, path.join('.'));
    if (value === '' || (LABEL.test(value) && value.length <= 56)) return;
    const message = `${JSON.stringify(value)} is not ${what}; use lower-case letters, digits and dashes`;
    out.push(problem('bad-name', ['spec', ...path], message, find(['spec', ...path])));
  };
  label(['revision'], 'a revision');
  label(['namespace'], 'a namespace');
  label(['values', 'global', 'istioNamespace'], 'a namespace');
  label(['components', 'pilot', 'namespace'], 'a namespace');
  return out;
}

function remote(spec: JsonObject, find: Locate): InstallProblem[] {
  const path = ['spec', 'values', 'global', 'remotePilotAddress'];
  const address = textAt(spec, 'values.global.remotePilotAddress');
  if (!address) {
    const url =
      textAt(spec, 'values.istiodRemote.injectionURL') ||
      textAt(objectAt(spec, 'values'), 'sidecarInjectorWebhook.injectionURL');
    if (!flagAt(spec, 'components.istiodRemote.enabled') || url) return [];
    const message =
      'is missing: a remote cluster needs the address of the gateway that exposes the control plane ' +
      '(kubectl -n istio-system get svc istio-eastwestgateway in the primary cluster)';
    return [problem('missing-address', path, message, find(['spec', 'profile']))];
  }
  if (isIP(address) || (/^[A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?$/.test(address) && !/^[\d.]+$/.test(address)))
    return [];
  const message = `${JSON.stringify(address)} is neither an IP address nor a host name; give the address alone, without port or scheme`;
  return [problem('bad-value', path, message, find(path))];
}
