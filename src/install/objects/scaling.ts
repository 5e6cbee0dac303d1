// HorizontalPodAutoscaler and PodDisruptionBudget of a Deployment, from `k8s.hpaSpec`, `k8s.podDisruptionBudget` and values.
import { flagAt, isList, isObject, type Json, type JsonObject, type Manifest, numberAt, objectAt } from '../json.ts';
import { mergeObjects } from '../merge.ts';

export interface ScalingOptions {
  readonly metadata: { readonly name: string; readonly namespace: string; readonly labels: JsonObject };
  /** Name of the Deployment that is scaled. */
  readonly target: string;
  readonly k8s: JsonObject;
  /** Helm values of the component: autoscaleEnabled, autoscaleMin, autoscaleMax, cpu, memory. */
  readonly values: JsonObject;
  readonly selector: JsonObject;
  /** `values.global.defaultPodDisruptionBudget.enabled`. */
  readonly budget: boolean;
}

/** Whether an autoscaler decides on the number of replicas. */
export function isAutoscaled(k8s: JsonObject, values: JsonObject): boolean {
  return isObject(k8s.hpaSpec) || flagAt(values, 'autoscaleEnabled');
}

/** Replicas to write into the Deployment; undefined leaves them to the autoscaler. */
export function replicasOf(k8s: JsonObject, values: JsonObject): number | undefined {
  return isAutoscaled(k8s, values)
    ? undefined
    : (numberAt(k8s, 'replicaCount') ?? numberAt(values, 'replicaCount') ?? 1);
}

/** The autoscaler and the disruption budget that the settings ask for. */
export function scalingObjects(options: ScalingOptions): Manifest[] {
  const out: Manifest[] = [];
  if (isAutoscaled(options.k8s, options.values)) out.push(autoscaler(options));
  const own = options.k8s.podDisruptionBudget;
  if (options.budget || isObject(own)) {
    const wanted = isObject(own) && ('minAvailable' in own || 'maxUnavailable' in own) ? own : { minAvailable: 1 };
    out.push({
      apiVersion: 'policy/v1',
      kind: 'PodDisruptionBudget',
      metadata: options.metadata,
      spec: { selector: { matchLabels: options.selector }, ...wanted },
    });
  }
  return out;
}

/** `replicaCount` beside an autoscaler is the least it may go down to. */
function autoscaler({ metadata, target, k8s, values }: ScalingOptions): Manifest {
  const own = objectAt(k8s, 'hpaSpec');
  const least = numberAt(own, 'minReplicas') ?? numberAt(values, 'autoscaleMin') ?? 1;
  const min = Math.max(least, numberAt(k8s, 'replicaCount') ?? 1);
  const max = Math.max(numberAt(own, 'maxReplicas') ?? numberAt(values, 'autoscaleMax') ?? 5, min);
  const defaults: JsonObject = {
    scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: target },
    metrics: defaultMetrics(values),
    ...(Object.keys(objectAt(values, 'autoscaleBehavior')).length > 0 ? { behavior: values.autoscaleBehavior } : {}),
  };
  const { metrics, ...rest } = own;
  const spec = mergeObjects(defaults, { ...rest, minReplicas: min, maxReplicas: max });
  // The old documents name the target by the component's former name; only our own Deployment can be meant.
  const scaleTargetRef = { ...objectAt(spec, 'scaleTargetRef'), name: target };
  return {
    apiVersion: 'autoscaling/v2',
    kind: 'HorizontalPodAutoscaler',
    metadata,
    spec: { ...spec, scaleTargetRef, ...(isList(metrics) ? { metrics: metrics.map(currentMetric) } : {}) },
  };
}

function defaultMetrics(values: JsonObject): JsonObject[] {
  const metric = (name: string, averageUtilization: number): JsonObject => ({
    type: 'Resource',
    resource: { name, target: { type: 'Utilization', averageUtilization } },
  });
  const memory = numberAt(values, 'memory.targetAverageUtilization');
  return [
    metric('cpu', numberAt(values, 'cpu.targetAverageUtilization') ?? 80),
    ...(memory === undefined ? [] : [metric('memory', memory)]),
  ];
}

/** A metric in the form of autoscaling/v2; `targetAverageUtilization` and `targetAverageValue` are v2beta1's. */
function currentMetric(metric: Json): Json {
  if (!isObject(metric) || !isObject(metric.resource)) return metric;
  const { targetAverageUtilization, targetAverageValue, ...resource } = metric.resource;
  if (targetAverageUtilization !== undefined) {
    return {
      ...metric,
      resource: { ...resource, target: { type: 'Utilization', averageUtilization: targetAverageUtilization } },
    };
  }
  if (targetAverageValue !== undefined) {
    return { ...metric, resource: { ...resource, target: { type: 'AverageValue', averageValue: targetAverageValue } } };
  }
  return metric;
}
