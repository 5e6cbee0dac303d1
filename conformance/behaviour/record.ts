// The records: what objects there are, what is asked, and what must come of it. See records/*.yaml.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse, parseAllDocuments } from 'yaml';
import type { KubernetesObject } from '../../src/kinds/object.ts';

/** Exact text, `/expression/`, or null for "must not be there". */
export type Wanted = string | number | null;

export interface Expectation {
  readonly status?: number;
  /** Exactly these pods answer (all of them, over all repetitions). */
  readonly pods?: readonly string[];
  /** Share of the answers by pod: from, to. */
  readonly share?: Readonly<Record<string, readonly [number, number]>>;
  /** Shares of statuses: from, to. */
  readonly statuses?: Readonly<Record<string, readonly [number, number]>>;
  /** What the server saw. */
  readonly seen?: {
    readonly path?: Wanted;
    readonly method?: Wanted;
    readonly host?: Wanted;
    readonly protocol?: Wanted;
    readonly peer?: Wanted;
    readonly sni?: Wanted;
    readonly headers?: Readonly<Record<string, Wanted>>;
  };
  readonly headers?: Readonly<Record<string, Wanted>>;
  readonly body?: Wanted;
  /** The answer is a page of metrics: when the agent has completed it, each of these is there with at least these labels. */
  readonly metrics?: readonly { readonly name: string; readonly labels: Readonly<Record<string, Wanted>> }[];
  /** Milliseconds from, to. */
  readonly ms?: readonly [number, number];
  /** There is no answer: the connection is refused, closed or reset. */
  readonly refused?: true;
}

export interface Step {
  /** A pod; `client` stands for every client. */
  readonly from?: string;
  /** `http://host[:port]/path` or `https://…`. */
  readonly get?: string;
  /** The same, over HTTP/2 without TLS. */
  readonly h2?: string;
  /** `host:port`. */
  readonly tcp?: string;
  /** Where to connect instead of the service's address: `pod:port` or `address:port`. */
  readonly dial?: string;
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly send?: string;
  readonly sni?: string;
  readonly alpn?: readonly string[];
  /** Present the certificate of this identity: `mesh:<pod>` or `server`. */
  readonly certificate?: string;
  /** Check the server's certificate against the mesh's roots. */
  readonly verify?: boolean;
  readonly count?: number;
  readonly parallel?: number;
  readonly timeoutMs?: number;
  readonly expect: Expectation;
}

export interface Record_ {
  readonly name: string;
  readonly file: string;
  readonly objects: readonly KubernetesObject[];
  /** State from which the edit leads to `objects`; by default the same without Istio objects. */
  readonly before?: readonly KubernetesObject[];
  readonly meshConfig?: object;
  /** The objects are meant to have problems: they must harm nothing else. */
  readonly faulty: boolean;
  readonly steps: readonly Step[];
}

/** All records, in the order of files and of their places in them. Throws when one is not understood. */
export function loadRecords(directory: string): Record_[] {
  const records = readdirSync(directory)
    .filter((name) => name.endsWith('.yaml'))
    .sort()
    .flatMap((name) => parseFile(name, readFileSync(join(directory, name), 'utf8')));
  const names = records.map(({ name }) => name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice) throw new Error(`two records are called "${twice}"`);
  return records;
}

/** A file is a list of records; `objects` and `before` are YAML texts of several documents. `common` goes before each. */
function parseFile(file: string, text: string): Record_[] {
  const { common = '', records } = parse(text, { merge: true }) as {
    common?: string;
    records: {
      name: string;
      objects?: string;
      before?: string;
      meshConfig?: object;
      faulty?: boolean;
      requests: Step[];
    }[];
  };
  return records.map(({ name, objects = '', before, meshConfig, faulty = false, requests, ...rest }) => {
    const unknown = Object.keys(rest);
    if (unknown.length > 0) throw new Error(`${file}: "${name}" has unknown fields ${unknown.join(', ')}`);
    if (!name || !Array.isArray(requests) || requests.length === 0)
      throw new Error(`${file}: a record lacks name or requests`);
    return {
      name,
      file,
      objects: [...documents(common), ...documents(objects)],
      ...(before !== undefined && { before: [...documents(common), ...documents(before)] }),
      meshConfig,
      faulty,
      steps: requests,
    };
  });
}

function documents(text: string): KubernetesObject[] {
  return parseAllDocuments(text).flatMap((document) => {
    if (document.errors.length > 0) throw document.errors[0]!;
    const value: unknown = document.toJS();
    return value ? [value as KubernetesObject] : [];
  });
}
