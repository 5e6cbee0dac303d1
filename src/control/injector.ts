// The injector's settings as the ConfigMaps have them now; a broken edit leaves the last good ones in force.
import { type InjectorConfig, parseInjectorConfig } from '../inject/config.ts';
import type { InjectorSettings } from '../inject/inject.ts';
import { type MeshSettings, parseMesh } from '../inject/mesh.ts';
import { type InjectionValues, parseValuesText } from '../inject/values.ts';
import type { Problem } from '../model/problem.ts';
import type { InjectorConfigMap } from './config-maps.ts';
import type { ProblemBook } from './problem-book.ts';

export interface Injector {
  setConfigMap(config: InjectorConfigMap | undefined): void;
  setMesh(text: string | undefined): void;
  /** Undefined until a usable `istio-sidecar-injector` was seen. */
  settings(): InjectorSettings | undefined;
}

const SOURCE = 'ConfigMap istio-sidecar-injector';

export function createInjector({ revision, problems }: { revision: string; problems: ProblemBook }): Injector {
  let parts: { config: InjectorConfig; values: InjectionValues } | undefined;
  let mesh: MeshSettings = parseMesh('').mesh;
  return {
    setConfigMap(map) {
      if (!map) {
        const message = 'The ConfigMap is missing; pods are injected with what it said last, or not at all.';
        problems.set(SOURCE, [{ code: 'injector-missing', severity: 'error', path: '', message }]);
        return;
      }
      const config = parseInjectorConfig(map.config);
      const values = parseValuesText(map.values);
      const found: readonly Problem[] = [...config.problems, ...values.problems];
      problems.set(SOURCE, found);
      if (found.some((problem) => problem.severity === 'error') && parts) return;
      parts = { config: config.config, values: values.values };
    },
    setMesh(text) {
      const parsed = parseMesh(text ?? '');
      // The mesh itself reports what is wrong with its configuration.
      if (!parsed.problems.some((problem) => problem.severity === 'error')) mesh = parsed.mesh;
    },
    settings: () => parts && { ...parts, mesh, revision },
  };
}
