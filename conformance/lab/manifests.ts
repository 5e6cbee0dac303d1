// The objects that the lab's own test deploys.

/** A pod of the probe image. */
export function podManifest(name: string, labels: Readonly<Record<string, string>>): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, labels },
    spec: {
      terminationGracePeriodSeconds: 0,
      containers: [{ name: 'probe', image: 'isthmus/probe', imagePullPolicy: 'IfNotPresent', args: ['serve'] }],
    },
  };
}

/** A Service at port 80 for probe pods. */
export function serviceManifest(
  name: string,
  selector: Readonly<Record<string, string>>,
  type: 'ClusterIP' | 'LoadBalancer' = 'ClusterIP',
): object {
  const ports = [{ name: 'http', port: 80, targetPort: 8080 }];
  return { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { type, selector, ports } };
}
