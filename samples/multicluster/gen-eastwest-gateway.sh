#!/bin/sh
# Prints the IstioOperator document of a gateway that carries only traffic between clusters (and to the control plane).
#   gen-eastwest-gateway.sh --mesh mesh1 --cluster cluster1 --network network1 | istioctl install -y -f -
set -eu

usage() {
  cat <<EOF
Usage: $(basename "$0") --mesh MESH --cluster CLUSTER --network NETWORK [--revision REVISION]
       $(basename "$0") --single-cluster [--revision REVISION]

The environment variables MESH, CLUSTER, NETWORK, REVISION and SINGLE_CLUSTER=1 do the same.
EOF
}

fail() {
  echo "$(basename "$0"): $1" >&2
  usage >&2
  exit 1
}

mesh=${MESH-} cluster=${CLUSTER-} network=${NETWORK-} revision=${REVISION-} single=${SINGLE_CLUSTER-0}
while [ $# -gt 0 ]; do
  flag=${1%%=*}
  case $flag in
    --single-cluster) single=1; shift; continue ;;
    -h | --help) usage; exit 0 ;;
    --mesh | --cluster | --network | --revision) ;;
    *) fail "unknown argument: $1" ;;
  esac
  case $1 in
    *=*) value=${1#*=}; shift ;;
    *)
      [ $# -ge 2 ] || fail "$flag needs a value"
      value=$2
      shift 2
      ;;
  esac
  case $flag in
    --mesh) mesh=$value ;;
    --cluster) cluster=$value ;;
    --network) network=$value ;;
    --revision) revision=$value ;;
  esac
done

if [ "$single" = 0 ]; then
  [ -n "$mesh" ] || fail "--mesh is missing"
  [ -n "$cluster" ] || fail "--cluster is missing"
  [ -n "$network" ] || fail "--network is missing"
fi

# multi TEXT: a line only for meshes of several clusters; rev TEXT: only when a revision was asked for.
multi() { if [ "$single" = 0 ]; then printf '%s\n' "$1"; fi; }
rev() { if [ -n "$revision" ]; then printf '%s\n' "$1"; fi; }

sed "/^$/d" <<EOF
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
metadata:
  name: eastwest
spec:
$(rev "  revision: \"$revision\"")
  profile: empty
  components:
    ingressGateways:
      - name: istio-eastwestgateway
        enabled: true
        label:
          app: istio-eastwestgateway
          istio: eastwestgateway
$(multi "          topology.istio.io/network: \"$network\"")
        k8s:
          env:
            # Add the SNI clusters that servers with tls.mode AUTO_PASSTHROUGH forward to.
            - name: ISTIO_META_ROUTER_MODE
              value: sni-dnat
$(multi "            # See only the endpoints of this network.
            - name: ISTIO_META_REQUESTED_NETWORK_VIEW
              value: \"$network\"")
          service:
            ports:
              - name: status-port
                port: 15021
                targetPort: 15021
              - name: tls
                port: 15443
                targetPort: 15443
              - name: tls-istiod
                port: 15012
                targetPort: 15012
              - name: tls-webhook
                port: 15017
                targetPort: 15017
$(multi "  values:
    global:
      meshID: \"$mesh\"
      network: \"$network\"
      multiCluster:
        clusterName: \"$cluster\"")
EOF
