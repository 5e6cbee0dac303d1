// The lab itself: two clusters as one flat network, and nothing left of them afterwards, whatever was killed.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { labDown, labExec, labLoadImage, labStatus, labUp } from '../../lab/api.ts';
import { writeProgramImage } from '../../lab/archive.ts';
import { labUnavailableReason } from '../../lab/available.ts';
import { ensureProgram } from '../../lab/build.ts';
import { overlaps, parseCidr } from '../../lab/cidr.ts';
import { nodeInit } from '../../lab/node.ts';
import { kubeconfigPath, labsDir } from '../../lab/paths.ts';
import type { LabPlan } from '../../lab/plan.ts';
import { silent } from '../../lab/progress.ts';
import { run, tryRun } from '../../lab/run.ts';
import { leftovers } from './leftovers.ts';
import { podManifest, serviceManifest } from './manifests.ts';

const reason = labUnavailableReason();
const name = 't-lab';
const dir = join(labsDir(), name);

describe.skipIf(reason)(`the lab${reason ? ` (${reason})` : ''}`, () => {
  let plan: LabPlan;
  let kubectlProgram = 'kubectl';
  const scratch = mkdtempSync(join(tmpdir(), 'isthmus-t-lab-'));

  /** Runs kubectl on a cluster by number; resolves with its standard output. */
  const kubectl = async (cluster: number, args: readonly string[], input?: string): Promise<string> => {
    const target = ['--kubeconfig', kubeconfigPath(plan.dir), '--context', `cluster${cluster}`];
    return (await run(kubectlProgram, [...target, ...args], { input })).stdout.trim();
  };
  const apply = (cluster: number, objects: readonly object[]) =>
    kubectl(cluster, ['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }));
  const probe = (cluster: number, ...args: string[]) => kubectl(cluster, ['exec', 'client', '--', '/probe', ...args]);
  const field = (cluster: number, object: string, path: string) =>
    kubectl(cluster, ['get', object, '-o', `jsonpath={${path}}`]);
  const address = async (cluster: number, service: string): Promise<string> => {
    await kubectl(cluster, [
      'wait',
      `service/${service}`,
      '--for=jsonpath={.status.loadBalancer.ingress}',
      '--timeout=20s',
    ]);
    return field(cluster, `service/${service}`, '.status.loadBalancer.ingress[0].ip');
  };

  beforeAll(async () => {
    await labDown(name);
    if (!(await tryRun('kubectl', ['version', '--client']))) kubectlProgram = await ensureProgram('kubectl', silent);
    const program = join(scratch, 'probe');
    const building = run('go', ['build', '-buildvcs=false', '-trimpath', '-ldflags', '-s -w', '-o', program, '.'], {
      cwd: join(import.meta.dirname, 'probe'),
      env: { CGO_ENABLED: '0' },
    });
    plan = await labUp({ name, clusters: 2 });
    await building;
    const archive = join(scratch, 'probe.tar');
    writeProgramImage({ name: 'isthmus/probe', program, path: '/probe' }, archive);
    expect(await labLoadImage(name, archive)).toEqual(['cluster1', 'cluster2']);
    expect(await labLoadImage(name, archive)).toEqual([]);
    for (const cluster of [1, 2]) {
      await apply(cluster, [
        podManifest('server', { app: 'server' }),
        podManifest('client', { app: 'client' }),
        serviceManifest('server', { app: 'server' }),
        serviceManifest('public', { app: 'server' }, 'LoadBalancer'),
        serviceManifest('silent', { app: 'nobody' }, 'LoadBalancer'),
      ]);
    }
    await Promise.all(
      [1, 2].map((cluster) => kubectl(cluster, ['wait', 'pod', '--all', '--for=condition=Ready', '--timeout=60s'])),
    );
  }, 180_000);

  afterAll(async () => {
    await labDown(name);
    rmSync(scratch, { recursive: true });
  }, 60_000);

  test('both nodes are Ready and the status says so', async () => {
    for (const cluster of [1, 2]) {
      expect(await kubectl(cluster, ['get', 'nodes', '--no-headers'])).toMatch(
        new RegExp(`^node${cluster} +Ready .*v1\\.34\\.4$`),
      );
    }
    expect((await labStatus(name))?.healthy).toBe(true);
  });

  test('a second up leaves a healthy lab alone', async () => {
    const before = await labStatus(name);
    expect(await labUp({ name, clusters: 2 })).toEqual(plan);
    expect((await labStatus(name))?.clusters).toEqual(before?.clusters);
    await expect(labUp({ name, clusters: 3 })).rejects.toThrow('other parameters');
  });

  test('a pod reaches a pod of the other cluster, and is seen with its own address', async () => {
    const server = await field(2, 'pod/server', '.status.podIP');
    const client = await field(1, 'pod/client', '.status.podIP');
    expect(await probe(1, 'get', `http://${server}:8080/`)).toBe(`server ${client}`);
  });

  test('a Service answers its neighbours, itself and the API server, by name and by address', async () => {
    expect(await probe(1, 'get', 'http://server/')).toMatch(/^server /);
    expect(
      await kubectl(1, ['exec', 'server', '--', '/probe', 'get', 'http://server.default.svc.cluster.local/']),
    ).toMatch(/^server /);
    expect(await kubectl(1, ['get', '--raw', '/api/v1/namespaces/default/services/server:80/proxy/'])).toMatch(
      /^server /,
    );
    const clusterIp = await field(1, 'service/server', '.spec.clusterIP');
    expect(
      (await labExec(plan.clusters[0]!, ['curl', '-sS', '--max-time', '3', `http://${clusterIp}/`])).stdout,
    ).toMatch(/^server /);
  });

  test('DNS knows Services and answers nothing from outside', async () => {
    expect(await probe(2, 'lookup', 'server.default.svc.cluster.local')).toBe(
      await field(2, 'service/server', '.spec.clusterIP'),
    );
    await expect(probe(2, 'lookup', 'example.com')).rejects.toThrow('no such host');
    await expect(probe(2, 'lookup', 'absent.default')).rejects.toThrow('no such host');
  });

  test('a LoadBalancer is reached from both clusters and from the host', async () => {
    const [first, second] = [await address(1, 'public'), await address(2, 'public')];
    expect(first).not.toBe(second);
    for (const url of [`http://${first}/`, `http://${second}/`]) {
      expect(await probe(1, 'get', url)).toMatch(/^server /);
      expect(await probe(2, 'get', url)).toMatch(/^server /);
      expect((await run('curl', ['-sS', '--max-time', '3', url])).stdout).toMatch(/^server /);
    }
  });

  test('an address or port that nobody serves refuses at once', async () => {
    const used = await address(1, 'public');
    const silent = await address(1, 'silent');
    for (const target of [`${used}:6443`, `${silent}:80`, '8.8.8.8:80']) {
      await expect(probe(2, 'get', `http://${target}/`)).rejects.toThrow(/refused|unreachable/);
    }
  });

  test('the address of a deleted Service is free again', async () => {
    const freed = await address(1, 'silent');
    await kubectl(1, ['delete', 'service', 'silent']);
    await apply(1, [serviceManifest('successor', { app: 'server' }, 'LoadBalancer')]);
    expect(await address(1, 'successor')).toBe(freed);
    await expect.poll(() => probe(2, 'get', `http://${freed}/`).catch(String), { timeout: 10_000 }).toMatch(/^server /);
  });

  test('a token for istio-ca is reviewed by its own cluster only', async () => {
    const token = await kubectl(1, ['create', 'token', 'default', '--audience', 'istio-ca']);
    const review = async (cluster: number, audiences: string[]) => {
      const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token, audiences } };
      const answer = await kubectl(cluster, ['create', '-o', 'json', '-f', '-'], JSON.stringify(body));
      return (JSON.parse(answer) as { status: { authenticated?: boolean; user?: { username?: string } } }).status;
    };
    expect(await review(1, ['istio-ca'])).toMatchObject({
      authenticated: true,
      user: { username: 'system:serviceaccount:default:default' },
    });
    expect((await review(1, ['other'])).authenticated).toBeFalsy();
    expect((await review(2, ['istio-ca'])).authenticated).toBeFalsy();
  });

  test('a lab of another name runs beside it', async () => {
    const other = await labUp({ name: 't-lab-beside', clusters: 1 });
    try {
      expect(overlaps(parseCidr(other.network), parseCidr(plan.network))).toBe(false);
      expect(overlaps(parseCidr(other.podCidr), parseCidr(plan.podCidr))).toBe(false);
    } finally {
      await labDown('t-lab-beside');
    }
    expect(leftovers('t-lab-beside', other.dir)).toEqual([]);
    expect((await labStatus(name))?.healthy).toBe(true);
  });

  test('up starts what died, and workloads survive', async () => {
    const pids = (await labStatus(name))!.clusters[0]!.processes;
    for (const victim of ['etcd', 'kubelet', 'kube-proxy']) process.kill(pids[victim]!, 'SIGKILL');
    await expect.poll(async () => (await labStatus(name))?.healthy, { timeout: 10_000 }).toBe(false);
    await labUp({ name, clusters: 2 });
    expect((await labStatus(name))?.healthy).toBe(true);
    expect(await field(1, 'pod/server', '.status.containerStatuses[0].restartCount')).toBe('0');
    await expect.poll(() => probe(2, 'get', 'http://server/').catch(String), { timeout: 10_000 }).toMatch(/^server /);
  });

  test('down leaves nothing, whatever was killed before', async () => {
    const { clusters } = (await labStatus(name))!;
    for (const victim of ['kubelet', 'etcd', 'containerd']) process.kill(clusters[0]!.processes[victim]!, 'SIGKILL');
    expect(leftovers(name, dir)).not.toEqual([]);
    await labDown(name);
    expect(leftovers(name, dir)).toEqual([]);
    await labDown(name);
  });

  test('up replaces a lab whose node died, and down needs no state', async () => {
    const dead = await labUp({ name, clusters: 1 });
    process.kill(nodeInit(dead.clusters[0]!)!.pid, 'SIGKILL');
    await expect.poll(async () => (await labStatus(name))?.healthy, { timeout: 10_000 }).toBe(false);
    await labUp({ name, clusters: 1 });
    expect((await labStatus(name))?.healthy).toBe(true);
    rmSync(join(dir, 'lab.json'));
    await labDown(name);
    expect(leftovers(name, dir)).toEqual([]);
  });
});
