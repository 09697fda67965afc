api=$(kubectl get nodes --selector=node-role.kubernetes.io/control-plane \
  --output=jsonpath='{.items[0].status.addresses[?(@.type=="InternalIP")].address}')
# As some courses print it. The chart refuses it, and nothing is installed.
helm upgrade --install cilium "$CILIUM_CHART" --version "$CILIUM_VERSION" --namespace kube-system \
  --values "$CILIUM_VALUES" --set ipam.mode=kubernetes --set operator.replicas=1 --set hubble.enabled=false \
  --set kubeProxyReplacement=strict --set k8sServiceHost="$api" --set k8sServicePort=6443 || true
