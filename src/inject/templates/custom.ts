// Custom templates of the injector's configuration: Go templates (or plain YAML) that render to a part of a pod.
import type { Problem } from '../../model/problem.ts';
import { TemplateError } from '../gotemplate/error.ts';
import { renderTemplate } from '../gotemplate/execute.ts';
import { templateData, templateFunctions } from '../gotemplate/view.ts';
import { isObject } from '../json.ts';
import type { PodPatch } from '../pod.ts';
import { checkPod } from '../shape.ts';
import { readDocuments } from '../yaml.ts';
import type { Template, TemplateOutput } from './input.ts';

/** A template from its source. What it uses and we do not support is a problem that names template, line and expression. */
export function customTemplate(name: string, source: string): Template {
  return (input) => {
    let rendered: string;
    try {
      rendered = renderTemplate(source, templateData(input), templateFunctions(input));
    } catch (error) {
      if (!(error instanceof TemplateError)) throw error;
      return failed(name, `line ${error.line}, {{ ${error.expression} }}: ${error.message}`, error.line);
    }
    return readPatch(name, rendered);
  };
}

function readPatch(name: string, rendered: string): TemplateOutput {
  const [document] = readDocuments(rendered, { uniqueKeys: false });
  const error = document?.errors[0];
  if (error) return failed(name, `it renders to text that is not YAML: ${error.message.split('\n')[0]}`);
  const value: unknown = document?.toJS();
  if (value === null || value === undefined) return { patch: {}, problems: [] };
  if (!isObject(value)) return failed(name, 'it must render to an object with metadata and spec');
  const wrong = checkPod(value);
  if (wrong.length > 0) return failed(name, wrong.map((problem) => problem.message).join('; '));
  return { patch: value as PodPatch, problems: [] };
}

function failed(name: string, message: string, line?: number): TemplateOutput {
  const problem: Problem = {
    code: 'template-failed',
    severity: 'error',
    path: `config.templates.${name}`,
    message: `The injection template ${JSON.stringify(name)} cannot be used: ${message}. Change it in the ConfigMap istio-sidecar-injector`,
    ...(line === undefined ? {} : { line }),
  };
  return { patch: {}, problems: [problem] };
}
