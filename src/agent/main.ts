// Entry of the agent, with the subcommands of Istio's pilot-agent. Each loads only what it needs: `proxy` stays for the pod's life.

const USAGE = `usage: pilot-agent <command>
  proxy sidecar|router [flags]   run Envoy with certificates, probes and merged metrics
  istio-iptables [flags]         redirect the pod's traffic to Envoy
  request METHOD PATH [BODY]     call Envoy's admin port (--debug-port to choose another)
  wait [--timeoutSeconds N]      wait until the proxy is ready
  version                        print the version
`;

/** Runs one subcommand; resolves with the exit code. */
async function main(args: readonly string[]): Promise<number> {
  const [command, ...rest] = args;
  switch (command) {
    case 'proxy':
      return (await import('./proxy.ts')).runProxy(rest);
    case 'istio-iptables':
    case 'istio-clean-iptables':
      return (await import('./capture/main.ts')).runCapture(rest, { clean: command === 'istio-clean-iptables' });
    case 'request':
      return (await import('./request.ts')).runRequest(rest);
    case 'wait':
      return (await import('./wait.ts')).runWait(rest);
    case 'version':
      console.log((await import('./metadata.ts')).ISTIO_VERSION);
      return 0;
    case 'help':
    case '--help':
    case '-h':
      process.stdout.write(USAGE);
      return 0;
    default:
      process.stderr.write(`pilot-agent: unknown command '${command ?? ''}'\n${USAGE}`);
      return 2;
  }
}

// Explicitly: a failed start must not be kept alive by what it had begun.
try {
  process.exit(await main(process.argv.slice(2)));
} catch (error) {
  process.stderr.write(`pilot-agent: ${(error as Error).message}\n`);
  process.exit(1);
}
