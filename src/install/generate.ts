// A validated installation → the objects of each component, in the order in which components are installed.
import type { Problem } from '../model/problem.ts';
import type { ComponentName, Installation } from './installation.ts';
import { compact, flagAt, isObject, type JsonObject, listAt, type Manifest, objectAt, textAt } from './json.ts';
import { baseObjects } from './objects/base.ts';
import { gatewayObjects } from './objects/gateway.ts';
import { pilotObjects } from './objects/pilot.ts';
import { remoteObjects } from './objects/remote.ts';
import { applyOverlays } from './overlay.ts';

export interface Component {
  readonly name: ComponentName;
  readonly objects: readonly Manifest[];
}

export interface Generated {
  readonly components: readonly Component[];
  readonly problems: readonly Problem[];
}

export interface GenerateOptions {
  readonly installation: Installation;
  /** CustomResourceDefinitions of the pinned istio.io/api. */
  readonly crds: readonly Manifest[];
}

/** The manifests of every enabled component. Pure; a component that is off is absent. */
export function generate({ installation, crds }: GenerateOptions): Generated {
  const problems: Problem[] = [];
  const parts = objectAt(installation.spec, 'components');
  const remote = flagAt(parts, 'istiodRemote.enabled') || flagAt(installation.values, 'istiodRemote.enabled');
  const finish = (objects: readonly Manifest[], k8s: JsonObject, path: string): Manifest[] => {
    const result = applyOverlays(objects, listAt(k8s, 'overlays'));
    for (const p of result.problems) {
      problems.push({ code: 'overlay', severity: p.severity, path: `${path}.k8s.${p.path}`, message: p.message });
    }
    return result.objects.map(compact);
  };
  const single = (name: ComponentName, key: string, enabled: boolean, objects: () => readonly Manifest[]) =>
    enabled ? [{ name, objects: finish(objects(), objectAt(parts, `${key}.k8s`), `spec.components.${key}`) }] : [];
  const gateways = (name: 'IngressGateways' | 'EgressGateways', key: string): Component[] => {
    const objects = listAt(parts, key).flatMap((gateway, i) => {
      if (!isObject(gateway) || !flagAt(gateway, 'enabled')) return [];
      const made = gatewayObjects({ installation, component: name, gateway });
      return finish(made, objectAt(gateway, 'k8s'), `spec.components.${key}[${i}]`);
    });
    return objects.length > 0 ? [{ name, objects }] : [];
  };
  const components: Component[] = [
    ...single('Base', 'base', flagAt(parts, 'base.enabled'), () => baseObjects(installation, crds)),
    ...single('Pilot', 'pilot', flagAt(parts, 'pilot.enabled'), () => pilotObjects(installation)),
    ...single('IstiodRemote', 'istiodRemote', remote, () => remoteObjects(installation)),
    ...gateways('IngressGateways', 'ingressGateways'),
    ...gateways('EgressGateways', 'egressGateways'),
  ];
  return { components, problems: [...problems, ...clashes(components)] };
}

/** Two components that make the same object would overwrite each other. */
function clashes(components: readonly Component[]): Problem[] {
  const seen = new Map<string, string>();
  const out: Problem[] = [];
  for (const { name, objects } of components) {
    for (const { kind, metadata } of objects) {
      const id = `${kind} ${textAt(metadata, 'namespace') ? `${metadata.namespace}/` : ''}${metadata.name}`;
      const other = seen.get(id);
      if (other) {
        const message = `${id} would be made twice, by ${other} and ${name}; give one of them another name or namespace`;
        out.push({ code: 'duplicate-object', severity: 'error', path: 'spec.components', message });
      }
      seen.set(id, name);
    }
  }
  return out;
}
