// What a template engine reports when it meets something that it cannot do. Always with the line and the expression.

export class TemplateError extends Error {
  override readonly name = 'TemplateError';
  /** 1-based line in the template. */
  readonly line: number;
  readonly expression: string;

  constructor(message: string, place: { readonly line: number; readonly expression: string }) {
    super(message);
    this.line = place.line;
    this.expression = place.expression;
  }
}
