// Arithmetic on IPv4 address ranges: pure, for the lab's address plan.

/** An IPv4 range: `base` is its first address as an unsigned number, `prefix` the length of its network part. */
export interface Cidr {
  readonly base: number;
  readonly prefix: number;
}

/** Parses `a.b.c.d/n`. Throws when it is not an IPv4 range or has bits set behind the prefix. */
export function parseCidr(text: string): Cidr {
  const match = /^(\d{1,3}(?:\.\d{1,3}){3})\/(\d{1,2})$/.exec(text);
  const prefix = Number(match?.[2]);
  if (!match || prefix > 32) throw new Error(`"${text}" is not an IPv4 range such as 172.30.0.0/24`);
  const base = parseAddress(match[1]!);
  if (base % sizeOf({ base, prefix }) !== 0) throw new Error(`"${text}" has address bits set behind its prefix`);
  return { base, prefix };
}

/** Parses `a.b.c.d` into an unsigned number. Throws when it is not an IPv4 address. */
export function parseAddress(text: string): number {
  const bytes = text.split('.').map(Number);
  if (!/^\d{1,3}(\.\d{1,3}){3}$/.test(text) || bytes.some((byte) => byte > 255)) {
    throw new Error(`"${text}" is not an IPv4 address`);
  }
  return bytes.reduce((sum, byte) => sum * 256 + byte, 0);
}

/** The dotted form of an address. */
export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}

/** The `a.b.c.d/n` form of a range. */
export function formatCidr(cidr: Cidr): string {
  return `${formatAddress(cidr.base)}/${cidr.prefix}`;
}

/** Number of addresses in a range. */
export function sizeOf(cidr: Cidr): number {
  return 2 ** (32 - cidr.prefix);
}

/** The address at `offset` in a range. Throws when it lies outside. */
export function addressAt(cidr: Cidr, offset: number): string {
  if (offset < 0 || offset >= sizeOf(cidr)) throw new Error(`${formatCidr(cidr)} has no address number ${offset}`);
  return formatAddress(cidr.base + offset);
}

/** The `index`th sub-range of the given prefix length. Throws when the range has no such part. */
export function subrange(cidr: Cidr, prefix: number, index: number): Cidr {
  const part = { base: cidr.base + index * 2 ** (32 - prefix), prefix };
  if (prefix < cidr.prefix || prefix > 32 || !contains(cidr, part.base) || index < 0) {
    throw new Error(`${formatCidr(cidr)} has no part number ${index} of length /${prefix}`);
  }
  return part;
}

/** Whether an address lies in a range. */
export function contains(cidr: Cidr, address: number): boolean {
  return address >= cidr.base && address < cidr.base + sizeOf(cidr);
}

/** Whether two ranges share an address. */
export function overlaps(a: Cidr, b: Cidr): boolean {
  return contains(a, b.base) || contains(b, a.base);
}
