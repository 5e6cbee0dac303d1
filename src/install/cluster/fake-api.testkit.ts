// An API server of plain values for unit tests: answers by method and path, and remembers what it was asked.
import { ApiError } from '../../k8s/api-error.ts';
import type { ApiClient, ApiRequest } from '../../k8s/rest.ts';

export type Answer = unknown | ((request: ApiRequest) => unknown);

export interface FakeApi extends ApiClient {
  readonly asked: readonly string[];
}

/** `answers` by `METHOD path`, or by path alone for GET; what is not there is NotFound. */
export function fakeApi(answers: Readonly<Record<string, Answer>>, cluster = 'test'): FakeApi {
  const asked: string[] = [];
  return {
    cluster,
    server: 'https://fake',
    asked,
    async request<T>(request: ApiRequest): Promise<T> {
      const method = request.method ?? 'GET';
      const label = `${method} ${request.path}`;
      asked.push(label);
      const answer = answers[label] ?? (method === 'GET' ? answers[request.path] : undefined);
      if (answer === undefined)
        throw new ApiError({ cluster, status: 404, reason: 'NotFound', message: 'not found', request: label });
      return (typeof answer === 'function' ? answer(request) : answer) as T;
    },
    stream: () => Promise.reject(new Error('no streams here')),
    [Symbol.dispose]() {},
  };
}
