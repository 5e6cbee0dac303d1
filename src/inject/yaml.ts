// YAML as Kubernetes' own tools read it: `0644` is octal, `yes` and `on` are booleans; times and dates stay text.
import { type Document, parseAllDocuments, stringify } from 'yaml';

/** Without sexagesimal numbers (`10:30`) and dates, which Go's parser does not know. */
const READING = {
  version: '1.1' as const,
  prettyErrors: false,
  customTags: (tags: Tags): Tags =>
    tags.filter((tag) => typeof tag === 'string' || (tag.format !== 'TIME' && !tag.tag.endsWith(':timestamp'))),
};

type Tags = Parameters<
  Exclude<NonNullable<NonNullable<Parameters<typeof parseAllDocuments>[1]>['customTags']>, unknown[]>
>[0];

/** The documents of a text; syntax errors are in each document's `errors`. */
export function readDocuments(text: string, options: Parameters<typeof parseAllDocuments>[1] = {}): Document.Parsed[] {
  const documents = parseAllDocuments(text, { ...READING, ...options });
  return Array.isArray(documents) ? (documents as Document.Parsed[]) : [];
}

/** YAML that any reader takes the same way: text that an older one could take for something else is quoted. */
export function writeDocument(value: unknown): string {
  return stringify(value, { version: '1.1', lineWidth: 0 });
}
