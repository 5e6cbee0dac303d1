// One error class for everything an API server, or the way to it, can answer.

export interface ApiErrorInput {
  readonly cluster: string;
  /** HTTP status; 0 when no answer came. */
  readonly status: number;
  /** Kubernetes' machine-readable reason (`NotFound`, `Forbidden`, …), or a code of Node's. */
  readonly reason: string;
  readonly message: string;
  readonly request: string;
  /** Seconds after which the server would like to be asked again. */
  readonly retryAfterSeconds?: number;
  readonly cause?: unknown;
}

/** A request that an API server did not fulfil. The message names cluster and request. */
export class ApiError extends Error {
  readonly cluster: string;
  readonly status: number;
  readonly reason: string;
  readonly retryAfterSeconds: number | undefined;
  /** What the server said, without cluster and request. */
  readonly detail: string;

  constructor(input: ApiErrorInput) {
    const place = input.cluster ? `cluster ${input.cluster}: ` : '';
    super(`${place}${input.request}: ${input.message}`, { cause: input.cause });
    this.name = 'ApiError';
    this.cluster = input.cluster;
    this.status = input.status;
    this.reason = input.reason;
    this.detail = input.message;
    this.retryAfterSeconds = input.retryAfterSeconds;
  }
}

/** True when the API server said that the object or the kind does not exist. */
export function isNotFound(error: unknown): boolean {
  return error instanceof ApiError && error.status === 404;
}

/** True when somebody else wrote first (update conflict), or the object is already there (create). */
export function isConflict(error: unknown): boolean {
  return error instanceof ApiError && error.status === 409;
}

/** True when the watch or list position is too old: everything must be listed again. */
export function isGone(error: unknown): boolean {
  return error instanceof ApiError && error.status === 410;
}
