// A workload's names in as few characters as possible: metrics carry them from proxy to agent, endpoints and requests to proxies.
//
//   workload;version;app;canonical service;canonical revision;namespace@cluster
//
// What follows from the rest is left out, separators at the end too. Without a workload it is called as the service that leads
// to it; `-v1` is that name with the version after it. `~` is a name that is not known.
import { type TelemetryIdentity, UNKNOWN } from './telemetry-identity.ts';

/** Environment variable by which the agent tells Envoy the text of its own workload. */
export const PEER_ENVIRONMENT = 'ISTHMUS_PEER';

/** Stands where a text should be and is none. Envoy writes it for a variable that is not set. */
export const NO_TEXT = '-';

/** What is known where the text is read: names that are equal to it are not in the text. */
export interface Surroundings {
  /** First label of the host that was called, or all of a host outside Kubernetes; '' when the text is not about an endpoint. */
  readonly service: string;
  readonly namespace: string;
  readonly cluster: string;
}

/** Service name and namespace in a host: `a.b.svc.…` is `a` in `b`, any other host is a name of no namespace. */
export function serviceOf(host: string): Pick<Surroundings, 'service' | 'namespace'> {
  const [service = '', namespace = '', kind] = host.split('.');
  return kind === 'svc' ? { service, namespace } : { service: host, namespace: '' };
}

/** The shortest text from which `readWorkload` makes the same identity in the same surroundings; '' when nothing is known. */
export function writeWorkload(id: TelemetryIdentity, near: Surroundings): string {
  const { workload } = id;
  if (workload === UNKNOWN && id.app === UNKNOWN && id.canonicalService === UNKNOWN) return '';
  const versioned = near.service !== '' && id.version !== UNKNOWN && workload === `${near.service}-${id.version}`;
  const written = known(id.version);
  const derived = derive(workload, written);
  const fields = [
    versioned ? `-${escaped(id.version)}` : workload === near.service ? '' : escaped(workload),
    versioned ? '' : escaped(written),
    id.app === derived.app ? '' : escaped(id.app),
    id.canonicalService === canonicalOf(id.app, workload) ? '' : escaped(id.canonicalService),
    id.canonicalRevision === derived.revision ? '' : escaped(id.canonicalRevision),
    id.namespace === near.namespace || id.namespace === UNKNOWN ? '' : escaped(id.namespace),
  ];
  const head = fields.join(';').replace(/;+$/, '');
  const tail = id.cluster === near.cluster ? '' : `@${escaped(id.cluster)}`;
  // A separator tells our texts from addresses and host names, which stand there for endpoints without one.
  return versioned || head.includes(';') ? head + tail : `${head};${tail}`;
}

/** The identity that a text stands for; undefined for what is no such text. */
export function readWorkload(text: string, near: Surroundings): TelemetryIdentity | undefined {
  if (text === NO_TEXT || (!text.startsWith('-') && !text.includes(';'))) return undefined;
  const at = text.indexOf('@');
  const [name = '', said = '', app = '', canonical = '', revision = '', namespace = ''] = (
    at < 0 ? text : text.slice(0, at)
  )
    .split(';')
    .map(plain);
  const suffix = name.startsWith('-');
  const version = suffix ? name.slice(1) : said;
  const workload = suffix ? near.service + name : name || near.service || UNKNOWN;
  const derived = derive(workload, version);
  const ownApp = app || derived.app;
  return {
    workload,
    namespace: namespace || near.namespace || UNKNOWN,
    app: ownApp,
    version: version || UNKNOWN,
    canonicalService: canonical || canonicalOf(ownApp, workload),
    canonicalRevision: revision || derived.revision,
    cluster: (at < 0 ? near.cluster : plain(text.slice(at + 1))) || UNKNOWN,
  };
}

/** What most workloads are labelled: `app` is their name without the version, the revision is the version. */
function derive(workload: string, version: string): { app: string; revision: string } {
  const suffix = `-${version}`;
  const app = version !== '' && workload.endsWith(suffix) ? workload.slice(0, -suffix.length) : workload;
  return { app: app || workload, revision: version || 'latest' };
}

const canonicalOf = (app: string, workload: string): string => (app === UNKNOWN ? workload : app);

const known = (value: string): string => (value === UNKNOWN ? '' : value);

/** Names of Kubernetes pass as they are; the separators and what a header must not hold do not. */
const SPECIAL = /[^A-Za-z0-9._-]/gu;

function escaped(value: string): string {
  if (value === UNKNOWN) return '~';
  return value.toWellFormed().replace(SPECIAL, (c) => (c === '~' ? '%7E' : encodeURIComponent(c)));
}

function plain(value: string): string {
  if (value === '~') return UNKNOWN;
  if (!value.includes('%')) return value;
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
