// Brings a cluster to what was generated: namespaces, then each component (apply, wait), then what is no longer wanted goes.

import { isConflict } from '../../k8s/api-error.ts';
import { apply, inApplyOrder, kindByKind, nameOf, read, remove } from '../../k8s/apply.ts';
import type { ApiClient } from '../../k8s/rest.ts';
import type { Clock } from '../../lib/clock.ts';
import type { Component } from '../generate.ts';
import { COMPONENT_LABEL, type Installation, OWNER_LABEL, REVISION_LABEL } from '../installation.ts';
import { type Manifest, objectAt, textAt } from '../json.ts';
import type { Report } from './events.ts';
import { joined } from './joined.ts';
import { ownedObjects } from './owned.ts';
import { waitReady } from './wait.ts';

export interface InstallOptions {
  readonly api: ApiClient;
  readonly installation: Installation;
  readonly components: readonly Component[];
  readonly report: Report;
  /** For each component. */
  readonly readinessTimeoutMs: number;
  readonly dryRun?: boolean;
  /** Also wait, for a while, until the control plane serves the webhooks; what it has not done by then is a note. */
  readonly verify?: boolean;
  readonly clock?: Clock;
  readonly signal?: AbortSignal;
}

/** How long the control plane may take to put its certificate authority into webhooks. */
const JOIN_TIMEOUT_MS = 30_000;

/** Idempotent. Rejects with ApiError when an object is refused, with InstallError when something does not become ready. */
export async function install(options: InstallOptions): Promise<void> {
  const { api, installation, components, report, dryRun = false, signal } = options;
  const objects = components.flatMap((component) => component.objects);
  const fresh = await ensureNamespaces({ api, installation, objects, dryRun, signal });
  const notes: string[] = [];
  for (const component of components) {
    const { name, objects: own } = component;
    report({ type: 'component-started', component: name });
    // A dry run cannot store into a namespace that it did not make.
    const possible = inApplyOrder(own).filter(({ metadata }) => !dryRun || !fresh.has(metadata.namespace ?? ''));
    await kindByKind(possible, (object) => apply(api, object, { dryRun, signal }));
    if (!dryRun) {
      const onWaiting = (what: string) => report({ type: 'waiting', component: name, for: what });
      const { readinessTimeoutMs: timeoutMs, clock } = options;
      await waitReady({ api, objects: own, timeoutMs, onWaiting, clock, signal });
      if (options.verify) {
        const limit = Math.min(timeoutMs, JOIN_TIMEOUT_MS);
        const note = await joined({ api, installation, component, timeoutMs: limit, onWaiting, clock, signal });
        if (note) notes.push(note);
      }
    }
    report({ type: 'component-ready', component: name, objects: own.length });
  }
  for (const object of await superfluous({ api, installation, objects, signal })) {
    if (await remove(api, object, { dryRun, signal })) report({ type: 'pruned', object: nameOf(object) });
  }
  for (const message of notes) report({ type: 'note', message });
}

interface PartOptions {
  readonly api: ApiClient;
  readonly installation: Installation;
  readonly objects: readonly Manifest[];
  readonly dryRun?: boolean;
  readonly signal?: AbortSignal;
}

/**
 * Creates missing namespaces. The mesh's own one carries the network's name, so that its services belong to it; a label
 * that is there already is left alone. Returns the namespaces that were not there.
 */
async function ensureNamespaces({ api, installation, objects, dryRun, signal }: PartOptions): Promise<Set<string>> {
  const names = new Set([installation.namespace, ...objects.map(({ metadata }) => metadata.namespace ?? '')]);
  names.delete('');
  const network = textAt(installation.values, 'global.network');
  const fresh = new Set<string>();
  for (const name of names) {
    const labels = network && name === installation.namespace ? { 'topology.istio.io/network': network } : {};
    const namespace: Manifest = { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
    const found = await read<Manifest>(api, namespace, signal);
    if (!found) {
      fresh.add(name);
      if (!dryRun) await create(api, namespace, signal);
    } else if (network && name === installation.namespace && !dryRun) {
      if (objectAt(found, 'metadata.labels')['topology.istio.io/network'] === undefined) {
        await api.request({
          method: 'PATCH',
          path: `/api/v1/namespaces/${name}`,
          contentType: 'application/merge-patch+json',
          body: { metadata: { labels } },
          signal,
        });
      }
    }
  }
  return fresh;
}

async function create(api: ApiClient, namespace: Manifest, signal?: AbortSignal): Promise<void> {
  try {
    await api.request({ method: 'POST', path: '/api/v1/namespaces', body: namespace, signal });
  } catch (error) {
    if (!isConflict(error)) throw error;
  }
}

/**
 * What an earlier run of the same document (owner and revision) made and this one does not want. Base is never pruned:
 * CRDs hold the users' configuration, and remote secrets live on the reader's account.
 */
export async function superfluous({ api, installation, objects, signal }: PartOptions): Promise<Manifest[]> {
  const labels = { [OWNER_LABEL]: installation.owner, [REVISION_LABEL]: installation.revision || 'default' };
  const owned = await ownedObjects({ api, labels, without: ['CustomResourceDefinition'], signal });
  const wanted = new Set(objects.map(nameOf));
  return owned
    .filter((object) => objectAt(object, 'metadata.labels')[COMPONENT_LABEL] !== 'Base' && !wanted.has(nameOf(object)))
    .toReversed();
}
