// The ConfigMap `istio-sidecar-injector`: what the injection webhook goes by.
import { stringify } from 'yaml';
import { type Installation, istiodHost, labelsOf, revisionSuffix } from '../installation.ts';
import { isObject, type JsonObject, listAt, type Manifest, objectAt, textAt } from '../json.ts';
import { mergeObjects } from '../merge.ts';

/**
 * Keys `config` (policy, selectors, template names and the operator's own templates; the built-in templates are part of
 * the control plane) and `values` (JSON of the installation's values).
 */
export function injectorConfigMap(installation: Installation): Manifest {
  const webhook = objectAt(installation.values, 'sidecarInjectorWebhook');
  const own = listAt(webhook, 'defaultTemplates');
  const config: JsonObject = {
    policy: textAt(installation.values, 'global.proxy.autoInject', 'enabled'),
    defaultTemplates: own.length > 0 ? own : ['sidecar'],
    alwaysInjectSelector: listAt(webhook, 'alwaysInjectSelector'),
    neverInjectSelector: listAt(webhook, 'neverInjectSelector'),
    injectedAnnotations: objectAt(webhook, 'injectedAnnotations'),
    templates: objectAt(webhook, 'templates'),
  };
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: {
      name: `istio-sidecar-injector${revisionSuffix(installation)}`,
      namespace: istiodHost(installation).namespace,
      labels: labelsOf(installation, 'Pilot'),
    },
    data: {
      config: stringify(config, { blockQuote: 'literal' }),
      values: `${JSON.stringify(injectorValues(installation), undefined, 2)}\n`,
    },
  };
}

/** The values injection may ask for, with hub, tag and revision resolved. */
export function injectorValues(installation: Installation): JsonObject {
  const { spec, values } = installation;
  const { global, sidecarInjectorWebhook, istiodRemote } = values;
  const { securityContext, seccompProfile } = objectAt(values, 'gateways');
  return {
    global: mergeObjects(isObject(global) ? global : {}, {
      hub: textAt(values, 'global.hub') || textAt(spec, 'hub'),
      tag: textAt(values, 'global.tag') || textAt(spec, 'tag'),
    }),
    pilot: objectAt(values, 'pilot'),
    gateways: { securityContext, seccompProfile },
    sidecarInjectorWebhook: sidecarInjectorWebhook ?? {},
    istiodRemote: istiodRemote ?? {},
    revision: installation.revision,
  };
}
