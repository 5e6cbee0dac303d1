import { describe, expect, it } from 'vitest';
import { TemplateError } from './error.ts';
import { renderTemplate } from './execute.ts';
import { GoStruct, StringMapValue } from './value.ts';

const data = new GoStruct(
  'Data',
  [
    ['Name', 'web'],
    ['Zero', 0],
    ['List', ['a', 'b']],
    ['Labels', new StringMapValue({ app: 'web' })],
    ['Values', { on: true, list: [{ n: 1 }, { n: 2 }], nested: { deep: 'x' }, nothing: null }],
  ],
  { name: 'web' },
);
const render = (source: string) => renderTemplate(source, data);

describe('Go templates', () => {
  it.each([
    ['{{ .Name }}', 'web'],
    ['a  {{- .Name -}}  b', 'awebb'],
    ['{{/* nothing */}}x', 'x'],
    ['{{ "}}" }}{{ `{{` }}', '}}{{'],
    ['{{ if .Zero }}yes{{ else if eq .Name "web" }}web{{ else }}no{{ end }}', 'web'],
    ['{{ if and .Name (not .Zero) }}ok{{ end }}', 'ok'],
    ['{{ range .List }}<{{ . }}>{{ end }}', '<a><b>'],
    ['{{ range $i, $v := .List }}{{ $i }}={{ $v }} {{ end }}', '0=a 1=b '],
    ['{{ range .Values.nothing }}x{{ else }}none{{ end }}', 'none'],
    ['{{ range $k, $v := .Labels }}{{ $k }}:{{ $v }}{{ end }}', 'app:web'],
    ['{{ with .Values.nested }}{{ .deep }}{{ $.Name }}{{ end }}', 'xweb'],
    ['{{ $x := 1 }}{{ range .List }}{{ $x = 2 }}{{ end }}{{ $x }}', '2'],
    ['{{ $x := 1 }}{{ range .List }}{{ $x := 2 }}{{ end }}{{ $x }}', '1'],
    ['{{ define "t" }}[{{ . }}]{{ end }}{{ template "t" .Name }}', '[web]'],
    ['{{ index .Labels "app" | default "none" | quote }}', '"web"'],
    ['{{ index .Labels "missing" | default "none" }}', 'none'],
    ['{{ (index .Values.list 1).n }}', '2'],
    ['{{ printf "%s-%d%%" .Name 3 }}', 'web-3%'],
    ['{{ .List | join "," }} {{ len .List }}', 'a,b 2'],
    ['{{ trunc 2 .Name | upper }}{{ trimSuffix "b" .Name }}', 'WEwe'],
    ['{{ toYaml .Values.nested | nindent 2 }}', '\n  deep: x'],
    ['{{ toYaml .Values.list | indent 4 }}', '- n: 1\n    - n: 2'],
    ['{{ isset .Labels "app" }} {{ hasKey .Values "zzz" }}', 'true false'],
    ['{{ or .Zero .Name "x" }}', 'web'],
    ['{{ env "HOME" "unset" }}', 'unset'],
    ['{{ if or .Name .Nope }}lazy{{ end }}', 'lazy'],
  ])('%s', (source, expected) => expect(render(source)).toBe(expected));

  it.each([
    ['{{ .Nope }}', /Data has no field Nope/],
    ['{{ nope 1 }}', /function nope is not supported/],
    ['{{ .Values.missing }}', /no value to print/],
    ['{{ .Values.nothing.deeper }}', /\.deeper is read from nothing/],
    ['{{ .List }}', /cannot be printed/],
    ['{{ $x }}', /variable \$x is not declared/],
    ['{{ block "x" . }}{{ end }}', /block is not supported/],
    ['{{ .Name.Method 1 }}', /method with arguments/],
    ['{{ if .Name }}', /no end/],
    ['{{ .Name', /not closed/],
    ['{{ index .List 7 }}', /no item 7/],
    ['{{ lt 1 "a" }}', /two numbers or two texts/],
    ['{{ define "a" }}{{ template "a" . }}{{ end }}{{ template "a" . }}', /calls itself/],
    [
      '{{ define "a" }}{{ if . }}{{ template "a" . }}{{ template "a" . }}{{ end }}{{ end }}{{ template "a" 1 }}',
      /calls itself|steps/,
    ],
    ['{{ 1 ; 2 }}', /cannot read/],
    ['{{ constructor }}', /not supported/],
  ])('%s is refused', (source, message) => {
    expect(() => render(`line one\n${source}`)).toThrow(message);
    const error = catchError(() => render(`line one\n${source}`));
    expect(error).toBeInstanceOf(TemplateError);
    expect((error as TemplateError).line).toBe(2);
  });

  it('ends even when loops are nested without end', () => {
    const many = new GoStruct('Data', [['List', Array.from({ length: 60 }, (_, at) => at)]], null);
    const source = `${'{{ range $.List }}'.repeat(6)}x${'{{ end }}'.repeat(6)}`;
    expect(() => renderTemplate(source, many)).toThrow(/steps/);
  });
});

function catchError(run: () => unknown): unknown {
  try {
    run();
    return undefined;
  } catch (error) {
    return error;
  }
}
