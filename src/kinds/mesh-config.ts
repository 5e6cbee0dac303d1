// The message behind `meshConfig`, for whoever checks it: it comes inside other objects (a ConfigMap, an IstioOperator).
export { MeshConfigSchema } from '../gen/mesh/v1alpha1/config_pb.js';
