// How to reach one API server and prove who we are: what a kubeconfig or a service account comes down to.

export interface ApiTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** Name expected in the server's certificate when it differs from the address. */
  readonly serverName?: string;
  readonly insecure: boolean;
}

export interface Credential {
  /** Value of the Authorization header. */
  readonly authorization?: string;
  /** A client certificate that a credential plugin handed out. */
  readonly cert?: string;
  readonly key?: string;
}

export interface ApiAccess {
  readonly server: string;
  readonly tls: ApiTls;
  /** Namespace that commands use when none is given. */
  readonly namespace: string;
  /** http(s) proxy in front of the API server; '' for none. */
  readonly proxyUrl: string;
  /** Asked before every request, because tokens rotate. Rejects when a plugin or file cannot answer. */
  credential(): Promise<Credential>;
}
