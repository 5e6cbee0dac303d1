// What the runner and the pods of the test world say to each other.

export interface PodSpec {
  readonly upstreams: readonly { readonly name: string; readonly address: string }[];
  /** Paths of the certificate that HTTPS upstreams present. */
  readonly certificate?: { readonly cert: string; readonly key: string };
}

export interface ProbeRequest {
  readonly id: number;
  readonly kind: 'http' | 'http2' | 'tcp';
  readonly address: string;
  readonly port: number;
  /** Own address to call from. */
  readonly from?: string;
  readonly host: string;
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Bytes to send over a TCP connection. */
  readonly send?: string;
  readonly tls?: {
    readonly sni?: string;
    readonly alpn?: readonly string[];
    /** Paths; without `ca` any certificate is accepted. */
    readonly ca?: string;
    readonly cert?: string;
    readonly key?: string;
  };
  readonly timeoutMs: number;
  readonly count?: number;
  readonly parallel?: number;
}

export interface ProbeResult {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Why there is no answer. */
  readonly error?: string;
  readonly ms: number;
}
