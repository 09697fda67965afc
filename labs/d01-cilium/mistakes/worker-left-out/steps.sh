api=$(kubectl get nodes --selector=node-role.kubernetes.io/control-plane \
  --output=jsonpath='{.items[0].status.addresses[?(@.type=="InternalIP")].address}')
kubectl label nodes --selector=node-role.kubernetes.io/control-plane network=cilium
helm upgrade --install cilium "$CILIUM_CHART" --version "$CILIUM_VERSION" --namespace kube-system \
  --values "$CILIUM_VALUES" --set ipam.mode=kubernetes --set operator.replicas=1 --set hubble.enabled=false \
  --set kubeProxyReplacement=true --set k8sServiceHost="$api" --set k8sServicePort=6443 --set nodeSelector.network=cilium
kubectl rollout status daemonset/cilium --namespace kube-system --timeout=300s
kubectl rollout status deployment/cilium-operator --namespace kube-system --timeout=60s
