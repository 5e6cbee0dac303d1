// Delta requests as they come from many clients. All of them acknowledge a change with the same bytes, so what was understood
// last is remembered.
import { TYPE_URL } from '../envoy/resource.ts';
import { type DeltaRequest, readDeltaRequest } from './wire.ts';

/** Longer messages are hardly acknowledgements. */
const SHORT = 256;
/** Equal texts are compared faster when they are one text. */
const KNOWN = new Map<string, string>(Object.values(TYPE_URL).map((typeUrl) => [typeUrl, typeUrl]));

export class DeltaReader {
  #last: { readonly message: Buffer; readonly request: DeltaRequest } | undefined;

  /** As `readDeltaRequest`. Requests are shared: nobody may change them. */
  read(message: Buffer): DeltaRequest {
    if (this.#last?.message.equals(message)) return this.#last.request;
    const read = readDeltaRequest(message);
    const request = { ...read, typeUrl: KNOWN.get(read.typeUrl) ?? read.typeUrl };
    // The bytes are copied: they lie in a buffer that is a thousand times as long.
    if (isShort(message, read)) this.#last = { message: Buffer.from(message), request };
    return request;
  }
}

/** Only what has no lists of names, since these point into the message that they were read from. */
function isShort({ length }: Buffer, { node, subscribe, unsubscribe }: DeltaRequest): boolean {
  return length <= SHORT && !node && subscribe.count === 0 && unsubscribe.count === 0;
}
