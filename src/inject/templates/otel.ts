// OTEL_RESOURCE_ATTRIBUTES by OpenTelemetry's conventions for Kubernetes, where a tracing provider of the mesh asks for them.
import { annotationsOf, labelsOf } from '../pod.ts';
import type { TemplateInput } from './input.ts';
import { applicationContainers } from './input.ts';

/** Comma-separated attributes; '' when no provider asks. An annotation `resource.opentelemetry.io/<attribute>` wins. */
export function otelResourceAttributes(input: TemplateInput): string {
  if (!input.mesh.otelSemanticConventions) return '';
  const annotations = annotationsOf(input.pod);
  const namespace = input.workload.namespace || 'default';
  const container = applicationContainers(input)[0];
  const defaults: Readonly<Record<string, string | undefined>> = {
    'service.namespace': namespace,
    'service.version': labelsOf(input.pod)['app.kubernetes.io/version'],
    'service.instance.id': container && `${namespace}.$(POD_NAME).${container}`,
  };
  return Object.entries(defaults)
    .map(([name, value]) => [name, annotations[`resource.opentelemetry.io/${name}`] ?? value])
    .filter(([, value]) => value)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
}
