# The commands of the guide "Install Primary-Remote", as a reader types them. CTX_CLUSTER1 and CTX_CLUSTER2 name the
# contexts. Blocks are separated by headings, so that a runner can show and check them one by one.

## Configure cluster1 as primary
cat <<EOF > cluster1.yaml
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
spec:
  values:
    global:
      meshID: mesh1
      multiCluster:
        clusterName: cluster1
      network: network1
EOF
istioctl install --context="${CTX_CLUSTER1}" -f cluster1.yaml

## Install the east-west gateway in cluster1
samples/multicluster/gen-eastwest-gateway.sh \
    --mesh mesh1 --cluster cluster1 --network network1 | \
    istioctl --context="${CTX_CLUSTER1}" install -y -f -

## Wait for the gateway's external address
until kubectl --context="${CTX_CLUSTER1}" get svc istio-eastwestgateway -n istio-system \
    -o jsonpath='{.status.loadBalancer.ingress[0].ip}' | grep -q .; do sleep 1; done
kubectl --context="${CTX_CLUSTER1}" get svc istio-eastwestgateway -n istio-system

## Expose the control plane in cluster1
kubectl apply --context="${CTX_CLUSTER1}" -f \
    samples/multicluster/expose-istiod.yaml

## Enable API server access to cluster2
istioctl x create-remote-secret \
    --context="${CTX_CLUSTER2}" \
    --name=cluster2 | \
    kubectl apply -f - --context="${CTX_CLUSTER1}"

## Configure cluster2 as a remote
export DISCOVERY_ADDRESS=$(kubectl \
    --context="${CTX_CLUSTER1}" \
    -n istio-system get svc istio-eastwestgateway \
    -o jsonpath='{.status.loadBalancer.ingress[0].ip}')
cat <<EOF > cluster2.yaml
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
spec:
  profile: remote
  values:
    global:
      meshID: mesh1
      multiCluster:
        clusterName: cluster2
      network: network1
      remotePilotAddress: ${DISCOVERY_ADDRESS}
EOF
istioctl install --context="${CTX_CLUSTER2}" -f cluster2.yaml
