// Protobuf durations as milliseconds.

/** Milliseconds of a duration, fractions kept; undefined when it is not set. */
export function milliseconds(duration: { seconds: bigint; nanos: number } | undefined): number | undefined {
  return duration && Number(duration.seconds) * 1000 + duration.nanos / 1e6;
}
