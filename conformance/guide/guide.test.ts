// The guide, verbatim, on two real clusters; then what must be true underneath, and what must stay true when things change.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { labExec, labPlan } from '../../lab/api.ts';
import { labUnavailableReason } from '../../lab/available.ts';
import { parseCapture } from './capture.ts';
import { type Context, contexts, eventually, type Mesh, startMesh } from './mesh.ts';

const reason = labUnavailableReason();
const other = { cluster1: 'cluster2', cluster2: 'cluster1' } as const;
const version = { cluster1: 'v1', cluster2: 'v2' } as const;

describe.skipIf(reason)(`the guide on two clusters${reason ? ` (${reason})` : ''}`, () => {
  let mesh: Mesh;

  beforeAll(async () => {
    mesh = await startMesh('t-guide');
    await mesh.runScript('guide.sh');
    await mesh.runScript('verify.sh');
  }, 400_000);
  afterAll(() => mesh?.[Symbol.asyncDispose]());

  /** The versions that answer a number of calls from one cluster, and the calls that failed. */
  async function versions(from: Context, calls = 20): Promise<{ seen: string[]; failed: number }> {
    const { stdout } = await mesh.sleep(
      from,
      `for i in $(seq ${calls}); do curl -sS -m 5 helloworld.sample:5000/hello || echo failed; done`,
    );
    const answers = [...stdout.matchAll(/Hello version: (v\d)/g)].map((m) => m[1]!);
    return { seen: [...new Set(answers)].toSorted(), failed: calls - answers.length };
  }

  /** The pod addresses behind helloworld as the proxy of sleep in a cluster has them. */
  async function endpoints(at: Context): Promise<string[]> {
    const table = await mesh.istioctl(
      at,
      'proxy-config',
      'endpoint',
      'deploy/sleep.sample',
      '--cluster',
      'outbound|5000||helloworld.sample.svc.cluster.local',
    );
    return [...table.matchAll(/^(\d+\.\d+\.\d+\.\d+):5000\s+HEALTHY/gm)].map((m) => m[1]!).toSorted();
  }

  const podAddresses = async (at: Context, selector: string): Promise<string[]> =>
    (
      await mesh.kubectl(
        at,
        'get',
        'pods',
        '-n',
        'sample',
        '-l',
        selector,
        '--field-selector=status.phase=Running',
        '-o',
        'jsonpath={range .items[?(@.metadata.deletionTimestamp=="")]}{end}{range .items[*]}{.status.podIP} {.metadata.deletionTimestamp}{"\\n"}{end}',
      )
    )
      .split('\n')
      .filter((line) => /^\S+ $/.test(line))
      .map((line) => line.trim())
      .toSorted();

  const helloworlds = async () =>
    [
      ...(await podAddresses('cluster1', 'app=helloworld')),
      ...(await podAddresses('cluster2', 'app=helloworld')),
    ].toSorted();

  test.each(contexts)('both versions answer a client in %s', async (from) => {
    const result = await eventually(
      'versions',
      () => versions(from),
      ({ seen, failed }) => seen.length === 2 && failed === 0,
    );
    expect(result).toEqual({ seen: ['v1', 'v2'], failed: 0 });
  });

  test.each(contexts)('the server sees the SPIFFE id of a client in %s', async (from) => {
    const { stdout } = await eventually(
      'a call that the other cluster answered',
      () => mesh.sleep(from, 'for i in $(seq 20); do curl -sS -m 5 helloworld.sample:5000/headers; echo; done'),
      (result) => result.stdout.includes(`"version": "${version[other[from]]}"`),
    );
    const header = /"x-forwarded-client-cert": "(.*)"/.exec(stdout)?.[1] ?? '';
    expect(header).toContain('By=spiffe://cluster.local/ns/sample/sa/default');
    expect(header).toContain('URI=spiffe://cluster.local/ns/sample/sa/sleep');
  });

  test.each(contexts)('from %s requests go pod to pod, under TLS', async (from) => {
    const [client] = await podAddresses(from, 'app=sleep');
    const [server] = await podAddresses(other[from], 'app=helloworld');
    const node = labPlan(mesh.name).clusters.find((cluster) => cluster.name === other[from]);
    // What reaches the other cluster's node for the pod, with a payload.
    const filter = `tcp port 5000 and dst host ${server} and tcp[13] & 8 != 0`;
    const capturing = labExec(node!, [
      ...['timeout', '--preserve-status', '10', 'tcpdump', '-i', 'eth0', '-nn', '-x', '-s', '0', '-c', '40', filter],
    ]);
    for (let i = 0; i < 3; i++) await versions(from, 15);
    const packets = parseCapture((await capturing).stdout);
    expect(packets.length).toBeGreaterThan(0);
    for (const packet of packets) {
      // Not the gateway's address, nor a node's.
      expect(packet.source).toBe(client);
      expect(packet.payload.toString('latin1')).not.toMatch(/GET |hello|HTTP/);
    }
    // 17 03 03: a record of application data.
    expect(packets.some(({ payload }) => payload.subarray(0, 3).toString('hex') === '170303')).toBe(true);
  });

  test('cluster2 runs no control plane', async () => {
    const pods = await mesh.kubectl(
      'cluster2',
      'get',
      'pods',
      '-A',
      '-o',
      "jsonpath={.items[*].spec['containers','initContainers'][*].image}",
    );
    expect(pods).toContain('isthmus/proxy');
    expect(pods).not.toContain('isthmus/pilot');
  });

  test('proxy-status shows the proxies of cluster2 in sync', async () => {
    const table = await eventually(
      'proxy-status',
      () => mesh.istioctl('cluster1', 'proxy-status'),
      (text) => /^sleep-\S+\.sample\s+cluster2\s.*SYNCED/m.test(text) && !/STALE/.test(text),
    );
    const rows = table.split('\n').filter((line) => /\scluster2\s/.test(line));
    expect(rows.length).toBeGreaterThanOrEqual(2);
    for (const row of rows) expect(row).toMatch(/SYNCED/);
  });

  /** Labels of a metric's samples, as the agent at an address serves them. */
  async function samples(at: Context, address: string, metric: string): Promise<Record<string, string>[]> {
    const { stdout } = await mesh.sleep(at, `curl -sS -m 10 http://${address}:15020/stats/prometheus`);
    return stdout
      .split('\n')
      .filter((line) => line.startsWith(`${metric}{`))
      .map((line) =>
        Object.fromEntries([...line.matchAll(/(\w+)="([^"]*)"/g)].map(([, label, value]) => [label, value])),
      );
  }

  test.each(contexts)('metrics of both sides name workloads and clusters of calls from %s', async (from) => {
    const to = other[from];
    await eventually(
      'versions',
      () => versions(from),
      ({ seen }) => seen.length === 2,
    );
    const [server] = await podAddresses(to, 'app=helloworld');
    const call = {
      source_workload: 'sleep',
      source_workload_namespace: 'sample',
      source_principal: 'spiffe://cluster.local/ns/sample/sa/sleep',
      source_app: 'sleep',
      source_version: 'unknown',
      source_canonical_service: 'sleep',
      source_canonical_revision: 'latest',
      source_cluster: from,
      destination_workload: `helloworld-${version[to]}`,
      destination_workload_namespace: 'sample',
      destination_principal: 'spiffe://cluster.local/ns/sample/sa/default',
      destination_app: 'helloworld',
      destination_version: version[to],
      destination_canonical_service: 'helloworld',
      destination_canonical_revision: version[to],
      destination_cluster: to,
      destination_service: 'helloworld.sample.svc.cluster.local',
      destination_service_name: 'helloworld',
      destination_service_namespace: 'sample',
      request_protocol: 'http',
      response_code: '200',
      response_flags: '-',
    };
    for (const [reporter, address, policy] of [
      ['source', '127.0.0.1', 'unknown'],
      ['destination', server!, 'mutual_tls'],
    ] as const) {
      const counted = await eventually(
        `requests counted at the ${reporter}`,
        () => samples(from, address, 'istio_requests_total'),
        (list) => list.some((labels) => labels.destination_cluster === to && labels.source_cluster === from),
      );
      expect(counted).toContainEqual(
        expect.objectContaining({ ...call, reporter, connection_security_policy: policy }),
      );
    }
  });

  test('under STRICT a plaintext caller is refused, the mesh is not', async () => {
    await mesh.ok(['kubectl', '--context=cluster1', 'apply', '-f', '-'], {
      input:
        'apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: {name: default, namespace: sample}\nspec: {mtls: {mode: STRICT}}\n',
    });
    await mesh.kubectl('cluster1', 'create', 'namespace', 'plain').catch(() => undefined);
    await mesh.kubectl('cluster1', 'apply', '-n', 'plain', '-f', 'samples/sleep/sleep.yaml');
    await mesh.kubectl('cluster1', 'rollout', 'status', '-n', 'plain', 'deploy/sleep', '--timeout=90s');
    const [server] = await podAddresses('cluster2', 'app=helloworld');
    const plain = () =>
      mesh.run([
        'kubectl',
        '--context=cluster1',
        'exec',
        '-n',
        'plain',
        'deploy/sleep',
        '--',
        'curl',
        '-sS',
        '-m',
        '5',
        `http://${server}:5000/hello`,
      ]);
    const refused = await eventually('the plaintext call', plain, ({ code }) => code !== 0);
    expect(refused.stdout).not.toContain('Hello');
    expect(refused.stderr).toMatch(/reset|refused|Empty reply|closed/i);
    expect((await versions('cluster1')).failed).toBe(0);
    await mesh.kubectl('cluster1', 'delete', 'peerauthentication', '-n', 'sample', 'default');
    const accepted = await eventually('the plaintext call when permitted', plain, ({ code }) => code === 0);
    expect(accepted.stdout).toContain('Hello version: v2');
  });

  test('scaling shows in every proxy', async () => {
    for (const replicas of [3, 1]) {
      await mesh.kubectl('cluster2', 'scale', '-n', 'sample', 'deploy/helloworld-v2', `--replicas=${replicas}`);
      await mesh.kubectl('cluster2', 'rollout', 'status', '-n', 'sample', 'deploy/helloworld-v2', '--timeout=90s');
      for (const at of contexts) {
        const seen = await eventually(
          `endpoints in ${at}`,
          () => endpoints(at),
          (list) => list.length === replicas + 1,
        );
        expect(seen).toEqual(await eventually('pods', helloworlds, (list) => list.length === replicas + 1));
      }
    }
  });

  test('a killed pod is replaced in every proxy', async () => {
    const before = await podAddresses('cluster2', 'app=helloworld');
    await mesh.kubectl(
      'cluster2',
      'delete',
      'pod',
      '-n',
      'sample',
      '-l',
      'app=helloworld',
      '--grace-period=0',
      '--force',
    );
    await mesh.kubectl('cluster2', 'rollout', 'status', '-n', 'sample', 'deploy/helloworld-v2', '--timeout=90s');
    for (const at of contexts) {
      const seen = await eventually(
        `endpoints in ${at}`,
        () => endpoints(at),
        (list) => list.length === 2 && !list.includes(before[0]!),
      );
      expect(seen).toEqual(await helloworlds());
    }
  });

  test('cordoning a node takes nothing from those that run on it', async () => {
    const node = (await mesh.kubectl('cluster2', 'get', 'nodes', '-o', 'jsonpath={.items[0].metadata.name}')).trim();
    const before = await endpoints('cluster1');
    await mesh.kubectl('cluster2', 'cordon', node);
    try {
      expect((await versions('cluster1')).failed).toBe(0);
      expect(await endpoints('cluster1')).toEqual(before);
    } finally {
      await mesh.kubectl('cluster2', 'uncordon', node);
    }
  });

  test.each(contexts)('no request of 50 a second fails while %s restarts its version', async (restarted) => {
    const from = other[restarted];
    const load = mesh.sleep(
      from,
      `curl -sS -m 60 --rate 50/s -o /dev/null -w '%{http_code}\\n' 'http://helloworld.sample:5000/hello?n=[1-1000]'`,
    );
    await mesh.kubectl(restarted, 'rollout', 'restart', '-n', 'sample', `deploy/helloworld-${version[restarted]}`);
    await mesh.kubectl(
      restarted,
      'rollout',
      'status',
      '-n',
      'sample',
      `deploy/helloworld-${version[restarted]}`,
      '--timeout=90s',
    );
    const { stdout, stderr } = await load;
    const codes = stdout.trim().split('\n');
    expect(codes.filter((code) => code !== '200')).toEqual([]);
    expect(codes).toHaveLength(1000);
    expect(stderr.trim()).toBe('');
  });

  test('removing the remote secret removes exactly its endpoints; a new proxy is told why; adding it heals', async () => {
    const ofCluster1 = await podAddresses('cluster1', 'app=helloworld');
    await mesh.kubectl('cluster1', 'delete', 'secret', '-n', 'istio-system', 'istio-remote-secret-cluster2');
    expect(
      await eventually(
        'endpoints',
        () => endpoints('cluster1'),
        (list) => list.length === ofCluster1.length,
      ),
    ).toEqual(ofCluster1);

    await mesh.kubectl('cluster2', 'delete', 'pod', '-n', 'sample', '-l', 'app=sleep', '--grace-period=1');
    const log = await eventually(
      'the log of the refused proxy',
      async () =>
        (
          await mesh.run([
            'kubectl',
            '--context=cluster2',
            'logs',
            '-n',
            'sample',
            '-l',
            'app=sleep',
            '-c',
            'istio-proxy',
            '--tail=200',
          ])
        ).stdout,
      (text) => /cluster2/.test(text) && /unknown|remote secret/i.test(text),
      90_000,
    );
    expect(log).toMatch(/cluster "?cluster2"?/);

    await mesh.runBlock('guide.sh', 'Enable API server access to cluster2');
    await mesh.kubectl('cluster2', 'rollout', 'status', '-n', 'sample', 'deploy/sleep', '--timeout=120s');
    const healed = await eventually(
      'versions',
      () => versions('cluster2'),
      ({ seen, failed }) => seen.length === 2 && failed === 0,
    );
    expect(healed.seen).toEqual(['v1', 'v2']);
    expect(
      await eventually(
        'endpoints',
        () => endpoints('cluster1'),
        (list) => list.length === 2,
      ),
    ).toEqual(await helloworlds());
  });
});
