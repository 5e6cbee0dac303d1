# The commands of the guide's next page, "Verify the installation": one version of helloworld in each cluster, a client
# in both.

## Deploy the HelloWorld service
for context in "${CTX_CLUSTER1}" "${CTX_CLUSTER2}"; do
  kubectl create --context="${context}" namespace sample --dry-run=client -o yaml | kubectl apply --context="${context}" -f -
  kubectl label --context="${context}" namespace sample istio-injection=enabled --overwrite
  kubectl apply --context="${context}" -f samples/helloworld/helloworld.yaml -l service=helloworld -n sample
done

## Deploy HelloWorld v1 in cluster1
kubectl apply --context="${CTX_CLUSTER1}" \
    -f samples/helloworld/helloworld.yaml \
    -l version=v1 -n sample

## Deploy HelloWorld v2 in cluster2
kubectl apply --context="${CTX_CLUSTER2}" \
    -f samples/helloworld/helloworld.yaml \
    -l version=v2 -n sample

## Deploy sleep in both clusters
kubectl apply --context="${CTX_CLUSTER1}" -f samples/sleep/sleep.yaml -n sample
kubectl apply --context="${CTX_CLUSTER2}" -f samples/sleep/sleep.yaml -n sample

## Wait until all of it is ready
kubectl rollout status --context="${CTX_CLUSTER1}" -n sample deployment/helloworld-v1 --timeout=180s
kubectl rollout status --context="${CTX_CLUSTER2}" -n sample deployment/helloworld-v2 --timeout=180s
kubectl rollout status --context="${CTX_CLUSTER1}" -n sample deployment/sleep --timeout=180s
kubectl rollout status --context="${CTX_CLUSTER2}" -n sample deployment/sleep --timeout=180s
