// Progress of an installation: one ✔ line for each finished part; on a terminal also what is being waited for.
import { type InstallEvent, TITLES } from '../install/cluster/events.ts';
import type { ComponentName } from '../install/installation.ts';

export interface Progress {
  readonly report: (event: InstallEvent) => void;
  /** Clears the line that is being rewritten, so that something else can be printed. */
  stop(): void;
}

/** Writes to `out`. Without a terminal, what is waited for is printed once for each change after the first seconds. */
export function createProgress(out: NodeJS.WriteStream, verb: 'installed' | 'checked (dry run)'): Progress {
  const live = out.isTTY === true;
  let shown = false;
  let startedAt = performance.now();
  const clear = () => {
    if (shown) out.write('\r\x1b[2K');
    shown = false;
  };
  const status = (text: string) => {
    clear();
    const width = Math.max(20, (out.columns || 80) - 1);
    out.write(text.length > width ? `${text.slice(0, width - 1)}…` : text);
    shown = true;
  };
  const line = (text: string) => {
    clear();
    out.write(`${text}\n`);
  };
  return {
    stop: clear,
    report(event) {
      switch (event.type) {
        case 'component-started':
          startedAt = performance.now();
          if (live) status(`- Processing resources for ${TITLES[event.component]}.`);
          break;
        case 'waiting': {
          const text = `- ${TITLES[event.component]}: waiting for ${event.for}`;
          if (live) status(text);
          else if (performance.now() - startedAt > 5000) line(text);
          break;
        }
        case 'component-ready':
          line(`✔ ${TITLES[event.component]} ${verb} (${seconds(startedAt)})`);
          break;
        case 'pruned':
          line(`${verb === 'installed' ? '✔ Removed' : '- Would remove'} ${event.object}: no longer wanted`);
          break;
        case 'note':
          line(`  ${event.message}`);
      }
    },
  };
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)}s`;
}

/** `Istio core, Istiod, and Ingress gateways`. */
export function titles(components: readonly ComponentName[]): string {
  const names = components.map((name) => TITLES[name]);
  return names.length < 3 ? names.join(' and ') : `${names.slice(0, -1).join(', ')}, and ${names.at(-1)}`;
}
