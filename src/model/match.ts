// How strings are compared, wherever the API allows more than equality.

export type StringMatch =
  | { readonly kind: 'exact'; readonly value: string; readonly ignoreCase?: boolean }
  | { readonly kind: 'prefix'; readonly value: string; readonly ignoreCase?: boolean }
  | { readonly kind: 'suffix'; readonly value: string; readonly ignoreCase?: boolean }
  | { readonly kind: 'contains'; readonly value: string; readonly ignoreCase?: boolean }
  /** RE2, whole string. */
  | { readonly kind: 'regex'; readonly value: string }
  /** Present with any value. */
  | { readonly kind: 'present' };
