// Names of the proxy's images: hub, image, tag and flavour, or a whole reference where somebody gives one.
import { annotationsOf } from '../pod.ts';
import type { TemplateInput } from './input.ts';

const FLAVOURS = ['distroless', 'debug'];

/** Image of the sidecar, of gateways (`which: proxy`) or of the capture container (`which: proxy_init`). */
export function proxyImage(input: TemplateInput, which: 'proxy' | 'proxy_init'): string {
  const { global } = input.values;
  const named = annotationsOf(input.pod)['sidecar.istio.io/proxyImage'];
  const wanted = named ?? global[which].image;
  if (wanted.includes('/')) return wanted;
  const flavour =
    annotationsOf(input.pod)['sidecar.istio.io/proxyImageType'] ?? input.proxyConfig.image?.imageType ?? global.variant;
  const hub = global.hub ? `${global.hub}/` : '';
  return `${hub}${global.proxy.image || 'proxy'}:${withFlavour(global.tag, flavour)}`;
}

/** A flavour replaces the one already in the tag; `default` removes it. */
export function withFlavour(tag: string, flavour: string): string {
  if (flavour === '') return tag;
  const known = FLAVOURS.find((name) => tag.endsWith(`-${name}`));
  const bare = known ? tag.slice(0, -(known.length + 1)) : tag;
  return flavour === 'default' ? bare : `${bare}-${flavour}`;
}
