// Small helpers that every Envoy resource is written with: packed extensions, durations, wrapped names.
import { create, type DescMessage, type Message, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import { type Any, AnySchema } from '../gen/google/protobuf/any_pb.js';
import { type Duration, DurationSchema } from '../gen/google/protobuf/duration_pb.js';

/** Plain fields of a message, as they are written before it is created; unlike `MessageInitShape` it can be spread. */
export type Init<Desc extends DescMessage> = Exclude<MessageInitShape<Desc>, Message>;

/** Packs a message as `google.protobuf.Any` with Envoy's `type.googleapis.com/` prefix. */
export function any<Desc extends DescMessage>(schema: Desc, init: MessageInitShape<Desc>): Any {
  return create(AnySchema, {
    typeUrl: `type.googleapis.com/${schema.typeName}`,
    value: toBinary(schema, create(schema, init)),
  });
}

/** A named extension (filter, transport socket, access logger …) with its packed configuration. */
export function extension<Desc extends DescMessage>(
  name: string,
  schema: Desc,
  init: MessageInitShape<Desc>,
): { name: string; configType: { case: 'typedConfig'; value: Any } } {
  return { name, configType: { case: 'typedConfig', value: any(schema, init) } };
}

/** The same for the fields of type `TypedExtensionConfig`, whose packed message is a plain field. */
export function typedExtension<Desc extends DescMessage>(
  name: string,
  schema: Desc,
  init: MessageInitShape<Desc>,
): { name: string; typedConfig: Any } {
  return { name, typedConfig: any(schema, init) };
}

/** A protobuf duration of so many milliseconds (fractions are kept to the nanosecond). */
export function duration(milliseconds: number): Duration {
  const seconds = Math.floor(milliseconds / 1000);
  return create(DurationSchema, {
    seconds: BigInt(seconds),
    nanos: Math.round((milliseconds - seconds * 1000) * 1e6),
  });
}
