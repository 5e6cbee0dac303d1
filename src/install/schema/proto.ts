// The schema of a protobuf message in its JSON form, so that meshConfig is checked against the pinned API itself.
import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { any, boolean, list, map, number, type Schema, string, text } from './schema.ts';

const WELL_KNOWN: Readonly<Record<string, Schema>> = {
  'google.protobuf.Duration': string,
  'google.protobuf.Timestamp': string,
  'google.protobuf.BoolValue': boolean,
  'google.protobuf.StringValue': string,
  'google.protobuf.Int32Value': number,
  'google.protobuf.UInt32Value': number,
  'google.protobuf.Int64Value': text,
  'google.protobuf.UInt64Value': text,
  'google.protobuf.DoubleValue': number,
  'google.protobuf.FloatValue': number,
  'google.protobuf.Struct': any,
  'google.protobuf.Value': any,
  'google.protobuf.Any': any,
};

const cache = new WeakMap<DescMessage, Schema>();

/** Fields under their JSON and their proto name; nested messages are looked at only when a value reaches them. */
export function protoSchema(message: DescMessage): Schema {
  const known = cache.get(message);
  if (known) return known;
  const fields: Record<string, Schema> = {};
  for (const field of message.fields) {
    const schema = fieldSchema(field);
    fields[field.jsonName] = schema;
    fields[field.name] = schema;
  }
  const schema: Schema = { type: 'object', fields };
  cache.set(message, schema);
  return schema;
}

function fieldSchema(field: DescField): Schema {
  switch (field.fieldKind) {
    case 'message':
      return messageSchema(field.message);
    case 'enum':
      return enumSchema(field.enum.values.map(({ name }) => name));
    case 'scalar':
      return scalarSchema(field.scalar);
    case 'list':
      if (field.listKind === 'message') return list(messageSchema(field.message));
      return list(
        field.listKind === 'enum' ? enumSchema(field.enum.values.map(({ name }) => name)) : scalarSchema(field.scalar),
      );
    case 'map':
      if (field.mapKind === 'message') return map(messageSchema(field.message));
      return map(
        field.mapKind === 'enum' ? enumSchema(field.enum.values.map(({ name }) => name)) : scalarSchema(field.scalar),
      );
  }
}

function messageSchema(message: DescMessage): Schema {
  return WELL_KNOWN[message.typeName] ?? { type: 'lazy', of: () => protoSchema(message) };
}

function enumSchema(values: readonly string[]): Schema {
  return { type: 'enum', values };
}

function scalarSchema(scalar: ScalarType): Schema {
  switch (scalar) {
    case ScalarType.BOOL:
      return boolean;
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return string;
    case ScalarType.INT64:
    case ScalarType.UINT64:
    case ScalarType.SINT64:
    case ScalarType.FIXED64:
    case ScalarType.SFIXED64:
      return text;
    default:
      return number;
  }
}
