// The admission webhooks: injection (mutating) and validation. The control plane fills in `caBundle`.
import { controlNamespace, type Installation, istiodHost, labelsOf, revisionSuffix } from '../installation.ts';
import { flagAt, type JsonObject, listAt, type Manifest, objectAt, textAt } from '../json.ts';

export interface InjectionWebhookOptions {
  readonly installation: Installation;
  readonly component: 'Pilot' | 'IstiodRemote';
  /** Path on the control plane, `/inject[/cluster/<name>/net/<network>]`. */
  readonly path: string;
  /** Port of the Service; of an ExternalName Service the port of the host itself, as the API server takes it so. */
  readonly port?: number;
  /** An alias (`values.revisionTags`) instead of the revision's own name. */
  readonly tag?: string;
}

/**
 * MutatingWebhookConfiguration `istio-sidecar-injector…`. Selectors as in Istio: by the namespace's or the pod's
 * `istio.io/rev`, and for the default revision also by `istio-injection` and `sidecar.istio.io/inject`.
 */
export function injectionWebhook(options: InjectionWebhookOptions): Manifest {
  const { installation, component, tag } = options;
  const revision = tag ?? (installation.revision || 'default');
  const serveDefault = revision === 'default';
  const webhook = objectAt(installation.values, 'sidecarInjectorWebhook');
  const everywhere = serveDefault && flagAt(webhook, 'enableNamespacesByDefault');
  const outside = controlNamespace(installation) === 'istio-system' ? '' : `-${controlNamespace(installation)}`;
  const notFalse = [{ key: 'sidecar.istio.io/inject', operator: 'NotIn', values: ['false'] }];
  const absent = (key: string) => ({ key, operator: 'DoesNotExist' });
  const among = (key: string, value: string) => ({ key, operator: 'In', values: [value] });
  const hook = (name: string, namespaces: JsonObject[], pods: JsonObject[]): JsonObject => ({
    name: `${name}sidecar-injector.istio.io`,
    admissionReviewVersions: ['v1'],
    clientConfig: clientConfig(options),
    failurePolicy: 'Fail',
    sideEffects: 'None',
    reinvocationPolicy: textAt(webhook, 'reinvocationPolicy', 'Never'),
    rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['pods'] }],
    namespaceSelector: { matchExpressions: namespaces },
    objectSelector: { matchExpressions: pods },
  });
  const hooks = [
    hook('rev.namespace.', [among('istio.io/rev', revision), absent('istio-injection')], notFalse),
    hook(
      'rev.object.',
      [absent('istio.io/rev'), absent('istio-injection')],
      [...notFalse, among('istio.io/rev', revision)],
    ),
  ];
  if (serveDefault) {
    hooks.push(
      hook('namespace.', [among('istio-injection', 'enabled')], notFalse),
      hook(
        'object.',
        [absent('istio-injection'), absent('istio.io/rev')],
        [among('sidecar.istio.io/inject', 'true'), absent('istio.io/rev')],
      ),
    );
  }
  if (everywhere) {
    const system = ['kube-system', 'kube-public', 'kube-node-lease', 'local-path-storage', installation.namespace];
    const others = { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: system };
    hooks.push(
      hook(
        'auto.',
        [absent('istio-injection'), absent('istio.io/rev'), others],
        [absent('sidecar.istio.io/inject'), absent('istio.io/rev')],
      ),
    );
  }
  const annotations = objectAt(installation.values, 'pilot.sidecarInjectorWebhookAnnotations');
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'MutatingWebhookConfiguration',
    metadata: {
      name: tag
        ? `istio-revision-tag-${tag}${outside}`
        : `istio-sidecar-injector${revisionSuffix(installation)}${outside}`,
      labels: {
        ...labelsOf(installation, component, { app: 'sidecar-injector' }),
        ...(tag ? { 'istio.io/tag': tag } : {}),
      },
      ...(Object.keys(annotations).length > 0 ? { annotations } : {}),
    },
    webhooks: hooks,
  };
}

function clientConfig({ installation, path, port }: InjectionWebhookOptions): JsonObject {
  const url =
    textAt(installation.values, 'istiodRemote.injectionURL') ||
    textAt(installation.values, 'sidecarInjectorWebhook.injectionURL');
  const caBundle = textAt(installation.values, 'istiodRemote.injectionCABundle') || undefined;
  return url ? { url, caBundle } : { service: { ...istiodHost(installation), path, port: port ?? 443 }, caBundle };
}

/**
 * ValidatingWebhookConfiguration `istio-validator…`. It fails open: when the control plane is down, nobody is kept from
 * changing the configuration that may bring it back.
 */
export function validationWebhook(installation: Installation): Manifest {
  const url = textAt(installation.values, 'base.validationURL');
  const caBundle = textAt(installation.values, 'base.validationCABundle') || undefined;
  const hook = (name: string, pods: JsonObject): JsonObject => ({
    name,
    admissionReviewVersions: ['v1'],
    clientConfig: url
      ? { url, caBundle }
      : { service: { ...istiodHost(installation), path: '/validate', port: 443 }, caBundle },
    failurePolicy: 'Ignore',
    sideEffects: 'None',
    rules: [
      {
        apiGroups: ['security.istio.io', 'networking.istio.io', 'telemetry.istio.io', 'extensions.istio.io'],
        apiVersions: ['*'],
        operations: ['CREATE', 'UPDATE'],
        resources: ['*'],
      },
    ],
    objectSelector: { matchExpressions: [pods] },
  });
  const revision = installation.revision || 'default';
  const hooks = [hook('rev.validation.istio.io', { key: 'istio.io/rev', operator: 'In', values: [revision] })];
  const isDefault = revision === 'default' || listAt(installation.values, 'revisionTags').includes('default');
  if (isDefault) hooks.push(hook('validation.istio.io', { key: 'istio.io/rev', operator: 'DoesNotExist' }));
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: {
      name: `istio-validator${revisionSuffix(installation)}-${controlNamespace(installation)}`,
      labels: labelsOf(installation, 'Pilot', { app: 'istiod', istio: 'istiod' }),
    },
    webhooks: hooks,
  };
}
