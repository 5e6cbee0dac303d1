// What `tcpdump -x` prints, as packets.

export interface Packet {
  /** IPv4 address of the sender. */
  readonly source: string;
  /** Bytes behind the TCP header. */
  readonly payload: Buffer;
}

/** Reads IPv4 TCP packets out of the text of `tcpdump -nn -x`. */
export function parseCapture(text: string): Packet[] {
  const packets: Packet[] = [];
  for (const part of text.split(/^(?=\S)/m)) {
    const hex = [...part.matchAll(/^\s+0x[0-9a-f]+:\s+([0-9a-f ]+)/gm)].map((m) => m[1]!.replaceAll(' ', '')).join('');
    const bytes = Buffer.from(hex, 'hex');
    if (bytes.length < 40 || bytes[0]! >> 4 !== 4) continue;
    const ip = (bytes[0]! & 15) * 4;
    const tcp = (bytes[ip + 12]! >> 4) * 4;
    packets.push({
      source: [...bytes.subarray(12, 16)].join('.'),
      payload: bytes.subarray(ip + tcp, bytes.readUInt16BE(2)),
    });
  }
  return packets;
}
