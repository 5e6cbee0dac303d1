// Istio's metrics as a scrape gives them: what Envoy counted, with the names and labels that the agent makes of it.
import { text } from 'node:stream/consumers';
import { renameStream } from '../../src/agent/metrics.ts';
import { type TelemetryIdentity, telemetryIdentity } from '../../src/lib/telemetry-identity.ts';
import { writeWorkload } from '../../src/lib/workload-text.ts';
import { CLUSTER, type WorldPod } from './pods.ts';

/** The pods of the world belong to no Deployment: each is a workload of its own. */
function identityOf({ name, namespace, labels }: WorldPod): TelemetryIdentity {
  return telemetryIdentity({ workload: name, namespace, cluster: CLUSTER, labels });
}

/** What an agent would tell its Envoy about the workload. */
export function peerText(pod: WorldPod): string {
  return writeWorkload(identityOf(pod), { service: '', namespace: pod.namespace, cluster: '' });
}

/** Envoy's page as the agent of the pod would serve it. */
export async function scraped(page: string, pod: WorldPod): Promise<string> {
  const stream = renameStream(identityOf(pod));
  stream.end(page);
  return text(stream);
}

export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Samples of Istio's metrics in a page. */
export function samplesIn(page: string): Sample[] {
  return page.split('\n').flatMap((line) => {
    const found = /^(istio_\w+)\{(.*)\} \S+$/.exec(line);
    if (!found) return [];
    const labels = [...found[2]!.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name, value]) => [name, value]);
    return [{ name: found[1]!, labels: Object.fromEntries(labels) }];
  });
}
