// What a command says when it cannot do its work, and the exit code it ends with.

import { ApiError } from '../k8s/api-error.ts';
import type { Problem } from '../model/problem.ts';

/** An error for the user alone: no stack, only the sentence. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** One line for each problem: severity, file and line, path, message. */
export function describeProblem(problem: Problem & { readonly source?: string }): string {
  const { source, line, path, severity, message } = problem;
  const place = [source, line].filter((part) => part !== undefined && part !== '').join(':');
  return `${severity}: ${[place, path, message].filter(Boolean).join(': ')}`;
}

/** Text and exit code for whatever a command threw. Only our own slips show a stack. */
export function describeError(error: unknown): { readonly text: string; readonly exitCode: number } {
  if (error instanceof CliError) return { text: error.message, exitCode: error.exitCode };
  if (error instanceof ApiError) return { text: describeApiError(error), exitCode: 1 };
  if (error instanceof Error && error.name === 'InstallError') return { text: error.message, exitCode: 1 };
  if (error instanceof Error && error.name === 'AbortError') return { text: 'interrupted', exitCode: 130 };
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { text: `this is a fault of the program itself: ${text}`, exitCode: 70 };
}

function describeApiError(error: ApiError): string {
  const where = error.cluster ? `cluster ${error.cluster}: ` : '';
  const next = nextStep(error);
  const what = error.detail.replace(/\.$/, '');
  return `${where}${what}${next ? `; ${next}` : ''}${error.status === 0 ? '' : ` (${error.message.slice(where.length).split(': ')[0]})`}`;
}

function nextStep({ status, reason, detail }: ApiError): string {
  if (/field is immutable/.test(detail))
    return 'this field cannot be changed: delete the object (kubectl delete) and run the command again';
  if (status === 401)
    return 'the credentials in your kubeconfig were not accepted; sign in again or choose another --context';
  if (status === 403) return 'ask for the right it names, or choose another --context';
  if (status === 409) return 'somebody else changed the object at the same moment; run the command again';
  if (status === 422 || status === 400) return 'correct the field it names';
  if (status === 429 || status >= 500) return 'the API server is overloaded or broken; try again';
  if (reason === 'ECONNREFUSED')
    return 'no API server listens there; is the cluster up, and is --context the right one?';
  if (reason === 'ENOTFOUND' || reason === 'EAI_AGAIN')
    return "the server's name cannot be resolved; check the kubeconfig";
  if (reason === 'TimeoutError' || reason === 'ETIMEDOUT') return 'is the cluster up and reachable from here?';
  if (/CERT|SELF_SIGNED|UNABLE_TO/.test(reason)) return "the server's certificate does not match the kubeconfig's CA";
  return '';
}
