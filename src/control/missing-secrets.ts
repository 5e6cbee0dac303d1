// Credentials that gateways wait for: a problem of the Secret's once they have not come for a moment.
import { gatewayScopes } from '../envoy/gateway/views.ts';
import { kubernetesSecretName } from '../envoy/secrets.ts';
import type { Clock } from '../lib/clock.ts';
import type { ProblemBook } from './problem-book.ts';

/** A Gateway and its Secret come in any order, and proxies let go of a name only after it has gone. */
const PATIENCE_MS = 2000;

export interface MissingSecretsOptions {
  readonly clock: Clock;
  readonly problems: Pick<ProblemBook, 'set'>;
  /** Cluster whose Secrets are served. */
  readonly cluster: string;
  /** Whether some Gateway names the Secret; proxies wait for a while for one that was named before. */
  readonly named: (secret: string) => boolean;
}

/** Told whenever a resource that some proxy asks for by name is or is not there. */
export type Unanswered = (resource: { scope: string; name: string }, missing: boolean) => void;

/** Bounded by the names that connected gateways ask for; names that are no Kubernetes Secrets are not looked at. */
export function watchMissingSecrets({
  clock,
  problems,
  cluster,
  named,
}: MissingSecretsOptions): Unanswered & Disposable {
  const waiting = new Map<string, Disposable>();
  /** What was told of, with the gateways (by scope and name asked for) that still wait for it. */
  const told = new Map<string, Set<string>>();
  const unanswered: Unanswered = ({ scope, name }, missing) => {
    const secret = kubernetesSecretName(name);
    if (!secret || scope === '') return;
    const { namespace } = gatewayScopes(scope);
    const key = `${scope}\n${name}`;
    waiting.get(key)?.[Symbol.dispose]();
    waiting.delete(key);
    const source = `Secret ${namespace}/${secret}`;
    if (!missing) {
      const waiters = told.get(source);
      if (waiters?.delete(key) && waiters.size === 0) {
        told.delete(source);
        problems.set(source, []);
      }
      return;
    }
    const tell = (): void => {
      waiting.delete(key);
      if (!named(secret) && !named(secret.replace(/-cacert$/, ''))) return;
      told.set(source, (told.get(source) ?? new Set()).add(key));
      const message =
        `a gateway of this namespace waits for this Secret as ${name}: it does not exist, or has no tls.crt and tls.key ` +
        '(ca.crt for -cacert); servers that name it as credentialName refuse connections until it is there.';
      const object = { cluster, kind: 'Secret', namespace, name: secret };
      problems.set(source, [{ code: 'missing-secret', severity: 'warning', path: '', message, object }]);
    };
    waiting.set(key, clock.after(PATIENCE_MS, tell));
  };
  return Object.assign(unanswered, {
    [Symbol.dispose]() {
      for (const timer of waiting.values()) timer[Symbol.dispose]();
      waiting.clear();
    },
  });
}
