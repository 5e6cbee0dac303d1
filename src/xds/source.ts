// What the protocol needs of whoever makes the resources. Nothing here knows the graph or Kubernetes.
import type { Proxy as Client } from '../model/proxy.ts';
import type { BodyCache } from './body.ts';
import type { NameSet } from './names.ts';
import type { Frame } from './wire.ts';

/**
 * All resources of one type for one class of clients. Revisions are numbers of one counter that all feeds share and that
 * only grows, so the revisions of different feeds can be compared.
 */
export interface Feed {
  readonly typeUrl: string;
  /** Clients may ask for all of it. */
  readonly wildcard: boolean;
  /** The revision in which it last changed. */
  readonly revision: number;
  /** Names that a wildcard subscription gets. */
  names(): Iterable<string>;
  /** The resource now, or undefined when there is none. Names outside `names()` are known only while wanted. */
  get(name: string): Frame | undefined;
  /** Names that changed, came or went after `revision`. Equal questions get the same object until something changes. */
  changesSince(revision: number): ReadonlySet<string> | undefined;
  /** Keeps names that `names()` does not list up to date. */
  want(names: NameSet): Disposable;
  /** Responses put together from this feed. */
  readonly bodies: BodyCache;
}

/** What one connected proxy gets. */
export interface ProxySession extends Disposable {
  /** The feed for a type now; another object after the proxy's class has changed. Undefined: a type nobody makes. */
  feed(typeUrl: string): Feed | undefined;
  /** Grows whenever `feed` may give another object for a type than it gave before. */
  readonly generation: number;
}

export interface Source {
  /** `changed` is called when some feed of the session changed or was replaced; never from inside `open`. */
  open(client: Client, changed: () => void): ProxySession;
}
