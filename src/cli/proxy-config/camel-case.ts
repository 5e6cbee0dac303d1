// Envoy's admin interface names fields as protobuf does; istioctl prints them as JSON does. Scripts rely on the latter.

/** Below these stand free-form maps, whose keys are data. */
const FREE_FORM = new Set(['filter_metadata', 'typed_filter_metadata', 'runtime_values', 'fields']);
const FIELD = /^[a-z0-9]+(_[a-z0-9]+)+$/;

/** The same JSON with field names in lowerCamelCase. Names of filters and keys of metadata stay as they are. */
export function camelCase(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(camelCase);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [
      FIELD.test(key) ? key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase()) : key,
      FREE_FORM.has(key) ? item : camelCase(item),
    ]),
  );
}
