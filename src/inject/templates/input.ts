// What a template gets to see of one pod: the same facts for the built-in templates and for custom ones.
import type { Problem } from '../../model/problem.ts';
import type { MeshSettings, ProxyConfig } from '../mesh.ts';
import type { Pod, PodPatch } from '../pod.ts';
import { annotationsOf, PROXY } from '../pod.ts';
import type { InjectionValues } from '../values.ts';

/** The workload that a pod belongs to, as its owner references tell. */
export interface Workload {
  readonly apiVersion: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace: string;
}

export interface TemplateInput {
  /** The pod as its author wrote it: without what an earlier injection added. */
  readonly pod: Pod;
  readonly workload: Workload;
  readonly values: InjectionValues;
  readonly mesh: MeshSettings;
  readonly proxyConfig: ProxyConfig;
  readonly revision: string;
  readonly nativeSidecar: boolean;
  /** '' when unknown. */
  readonly cluster: string;
  /** '' for the default network. */
  readonly network: string;
}

export interface TemplateOutput {
  readonly patch: PodPatch;
  readonly problems: readonly Problem[];
}

export type Template = (input: TemplateInput) => TemplateOutput;

/** A pod annotation, or the given default when it is absent (an empty annotation counts). */
export function annotation(input: TemplateInput, name: string, fallback: string | number): string {
  return annotationsOf(input.pod)[name] ?? String(fallback);
}

export function interceptionMode(input: TemplateInput): string {
  const mode = annotationsOf(input.pod)['sidecar.istio.io/interceptionMode'];
  return mode || input.proxyConfig.interceptionMode || 'REDIRECT';
}

export function statusPort(input: TemplateInput): string {
  return annotation(input, 'status.sidecar.istio.io/port', input.values.global.proxy.statusPort);
}

/** Whether this pod's sidecar is an init container with `restartPolicy: Always`: the annotation decides, else the cluster. */
export function usesNativeSidecar(input: TemplateInput): boolean {
  const wish = annotationsOf(input.pod)['sidecar.istio.io/nativeSidecar'];
  return wish ? wish !== 'false' : input.nativeSidecar;
}

/** Whether application containers wait for the proxy. Native sidecars always do, without this. */
export function holdsApplication(input: TemplateInput): boolean {
  return (
    input.proxyConfig.holdApplicationUntilProxyStarts === true ||
    input.values.global.proxy.holdApplicationUntilProxyStarts
  );
}

/** Names of the application's containers, in order. */
export function applicationContainers(input: TemplateInput): string[] {
  return (input.pod.spec?.containers ?? []).map((container) => container.name).filter((name) => name !== PROXY);
}
