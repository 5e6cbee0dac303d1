// What happens during an installation, told to whoever shows it.
import type { ComponentName } from '../installation.ts';

export type InstallEvent =
  | { readonly type: 'component-started'; readonly component: ComponentName }
  /** What is being waited for; comes again only when it changes. */
  | { readonly type: 'waiting'; readonly component: ComponentName; readonly for: string }
  | { readonly type: 'component-ready'; readonly component: ComponentName; readonly objects: number }
  | { readonly type: 'pruned'; readonly object: string }
  | { readonly type: 'note'; readonly message: string };

export type Report = (event: InstallEvent) => void;

/** How components are called in sentences. */
export const TITLES: Readonly<Record<ComponentName, string>> = {
  Base: 'Istio core',
  Pilot: 'Istiod',
  IstiodRemote: 'Istiod remote',
  IngressGateways: 'Ingress gateways',
  EgressGateways: 'Egress gateways',
};

/** Something that stops an installation; the message names object, reason and next step. */
export class InstallError extends Error {
  override readonly name = 'InstallError';
}
