// Semantic checks of one HTTP route of a VirtualService.
import type {
  Headers,
  HTTPFaultInjection,
  HTTPMatchRequest,
  HTTPRetry,
  HTTPRoute,
  Percent,
  StringMatch,
} from '../gen/networking/v1alpha3/virtual_service_pb.js';
import { checkDuration, checkDurationOrZero, type Findings, isPort, regexFault } from './checks.ts';
import { checkDestination, checkDestinations } from './destination-check.ts';

export function checkHttpRoute(f: Findings, route: HTTPRoute, path: string, { delegate }: { delegate: boolean }): void {
  const actions = [
    route.route.length > 0 && 'route',
    route.redirect && 'redirect',
    route.directResponse && 'directResponse',
    route.delegate && 'delegate',
  ].filter(Boolean);
  f.require(actions.length > 0, 'missing-field', path, 'Give a route, a redirect, a directResponse or a delegate.');
  f.require(actions.length < 2, 'conflict', path, `A rule does one thing; this one has ${actions.join(' and ')}.`);
  if (route.delegate) {
    f.require(!delegate, 'delegate', `${path}.delegate`, 'A delegate cannot delegate further.');
    f.require(route.delegate.name !== '', 'missing-field', `${path}.delegate.name`, 'Name the delegate.');
  }
  if (route.redirect) {
    f.require(!route.fault, 'conflict', `${path}.fault`, 'A redirect cannot have faults.');
    f.require(
      !route.rewrite,
      'conflict',
      `${path}.rewrite`,
      'A redirect cannot be rewritten; redirect to the new path.',
    );
    const { redirectCode: code, uri, authority, redirectPort, scheme, prefixRewrite } = route.redirect;
    f.require(
      code === 0 || (code >= 300 && code <= 399),
      'bad-status',
      `${path}.redirect.redirectCode`,
      'Use 301, 302, 303, 307 or 308.',
    );
    const something = uri || authority || scheme || prefixRewrite || redirectPort.case;
    f.require(something, 'missing-field', `${path}.redirect`, 'Say what to redirect: uri, authority, scheme or port.');
  }
  if (route.directResponse) {
    const { status } = route.directResponse;
    f.require(
      status >= 200 && status <= 599,
      'bad-status',
      `${path}.directResponse.status`,
      'Use a status from 200 to 599.',
    );
  }
  if (route.route.length > 0) checkDestinations(f, route.route, path);
  for (const [i, match] of route.match.entries()) checkMatch(f, match, `${path}.match[${i}]`);
  for (const [i, d] of route.route.entries()) checkHeaders(f, d.headers, `${path}.route[${i}].headers`);
  checkHeaders(f, route.headers, `${path}.headers`);
  if (route.rewrite) {
    const { uri, authority, uriRegexRewrite: regex } = route.rewrite;
    f.require(
      uri || authority || regex,
      'missing-field',
      `${path}.rewrite`,
      'Give a uri, an authority or a uriRegexRewrite.',
    );
    f.require(!(uri && regex), 'conflict', `${path}.rewrite`, 'Give either uri or uriRegexRewrite.');
    if (regex) checkRegex(f, regex.match, `${path}.rewrite.uriRegexRewrite.match`);
  }
  if (route.mirror) checkDestination(f, route.mirror, `${path}.mirror`);
  for (const [i, m] of route.mirrors.entries()) {
    checkDestination(f, m.destination, `${path}.mirrors[${i}].destination`);
    checkPercent(f, m.percentage, `${path}.mirrors[${i}].percentage`);
  }
  f.require(
    !(route.mirror && route.mirrors.length > 0),
    'conflict',
    `${path}.mirror`,
    'Give either mirror or mirrors.',
  );
  checkPercent(f, route.mirrorPercentage, `${path}.mirrorPercentage`);
  for (const [i, origin] of (route.corsPolicy?.allowOrigins ?? []).entries()) {
    checkString(f, origin, `${path}.corsPolicy.allowOrigins[${i}]`);
  }
  checkDurationOrZero(f, route.timeout, `${path}.timeout`);
  checkRetries(f, route.retries, `${path}.retries`);
  if (route.fault) checkFault(f, route.fault, `${path}.fault`);
}

function checkMatch(f: Findings, match: HTTPMatchRequest, path: string): void {
  for (const key of ['uri', 'scheme', 'method', 'authority'] as const) {
    const value = match[key];
    if (!value) continue;
    f.require(
      value.matchType.case !== undefined && value.matchType.value !== '',
      'empty-match',
      `${path}.${key}`,
      'Give exact, prefix or regex with a value.',
    );
    checkString(f, value, `${path}.${key}`);
  }
  for (const map of ['headers', 'withoutHeaders', 'queryParams'] as const) {
    for (const [name, value] of Object.entries(match[map])) {
      f.require(name !== '', 'bad-header', `${path}.${map}`, 'A name is empty.');
      if (map !== 'queryParams') checkHeaderName(f, name, `${path}.${map}.${name}`);
      checkString(f, value, `${path}.${map}.${name}`);
    }
  }
  f.require(match.port === 0 || isPort(match.port), 'bad-port', `${path}.port`, 'A port is a number from 1 to 65535.');
}

function checkString(f: Findings, match: StringMatch, path: string): void {
  if (match.matchType.case === 'regex') checkRegex(f, match.matchType.value, `${path}.regex`);
}

function checkRegex(f: Findings, source: string, path: string): void {
  const fault = regexFault(source);
  f.require(fault === undefined, 'bad-regex', path, `"${source}" is no RE2 expression: ${fault}.`);
}

const HEADER = /^:?[-A-Za-z0-9!#$%&'*+.^_`|~]+$/;

function checkHeaderName(f: Findings, name: string, path: string): void {
  f.require(
    HEADER.test(name) || name.startsWith('@request.auth.claims'),
    'bad-header',
    path,
    `"${name}" is no header name.`,
  );
}

function checkHeaders(f: Findings, headers: Headers | undefined, path: string): void {
  for (const side of ['request', 'response'] as const) {
    const operations = headers?.[side];
    if (!operations) continue;
    const names = [...Object.keys(operations.set), ...Object.keys(operations.add), ...operations.remove];
    for (const name of names) checkHeaderName(f, name, `${path}.${side}`);
    for (const name of operations.remove) {
      const pseudo = name.startsWith(':') || name.toLowerCase() === 'host';
      f.require(!pseudo, 'bad-header', `${path}.${side}.remove`, `"${name}" cannot be removed.`);
    }
  }
}

const CONDITIONS: ReadonlySet<string> = new Set([
  ...['5xx', 'gateway-error', 'reset', 'connect-failure', 'envoy-ratelimited', 'retriable-4xx', 'refused-stream'],
  ...['retriable-status-codes', 'retriable-headers', 'reset-before-request', 'http3-post-connect-failure'],
  ...['cancelled', 'deadline-exceeded', 'internal', 'resource-exhausted', 'unavailable'],
]);

function checkRetries(f: Findings, retries: HTTPRetry | undefined, path: string): void {
  if (!retries) return;
  f.require(retries.attempts >= 0, 'bad-retries', `${path}.attempts`, 'The number of attempts cannot be negative.');
  const more = retries.retryOn !== '' || retries.perTryTimeout !== undefined;
  f.require(retries.attempts !== 0 || !more, 'bad-retries', `${path}.attempts`, 'Give the number of attempts.');
  checkDuration(f, retries.perTryTimeout, `${path}.perTryTimeout`);
  checkDuration(f, retries.backoff, `${path}.backoff`);
  for (const condition of retries.retryOn.split(',').map((c) => c.trim())) {
    if (condition === '') continue;
    const known = CONDITIONS.has(condition) || /^[1-5]\d\d$/.test(condition);
    f.require(
      known,
      'bad-retries',
      `${path}.retryOn`,
      `"${condition}" is neither a condition of Envoy nor a status code.`,
    );
  }
}

function checkPercent(f: Findings, percent: Percent | undefined, path: string): void {
  if (!percent) return;
  f.require(percent.value >= 0 && percent.value <= 100, 'bad-percent', path, 'Give a percentage from 0 to 100.');
}

function checkFault(f: Findings, { delay, abort }: HTTPFaultInjection, path: string): void {
  f.require(delay || abort, 'missing-field', path, 'Give a delay or an abort.');
  if (delay) {
    checkPercent(f, delay.percentage, `${path}.delay.percentage`);
    f.require(delay.httpDelayType.case, 'missing-field', `${path}.delay`, 'Give a fixedDelay.');
    if (delay.httpDelayType.case === 'fixedDelay')
      checkDuration(f, delay.httpDelayType.value, `${path}.delay.fixedDelay`);
  }
  if (abort) {
    checkPercent(f, abort.percentage, `${path}.abort.percentage`);
    const { errorType: type } = abort;
    f.require(type.case, 'missing-field', `${path}.abort`, 'Give an httpStatus or a grpcStatus.');
    if (type.case === 'httpStatus') {
      f.require(
        type.value >= 200 && type.value <= 599,
        'bad-status',
        `${path}.abort.httpStatus`,
        'Use a status from 200 to 599.',
      );
    }
  }
}
