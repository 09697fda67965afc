api=$(kubectl get nodes --selector=node-role.kubernetes.io/control-plane \
  --output=jsonpath='{.items[0].status.addresses[?(@.type=="InternalIP")].address}')
helm upgrade --install cilium "$CILIUM_CHART" --version "$CILIUM_VERSION" --namespace kube-system \
  --values "$CILIUM_VALUES" --set ipam.mode=kubernetes --set operator.replicas=1 \
  --set kubeProxyReplacement=true --set k8sServiceHost="$api" --set k8sServicePort=6443 \
  --set hubble.enabled=true --set hubble.relay.enabled=true --set hubble.ui.enabled=true
kubectl rollout status daemonset/cilium --namespace kube-system --timeout=300s
kubectl rollout status deployment/coredns --namespace kube-system --timeout=60s
kubectl rollout status deployment/hubble-relay --namespace kube-system --timeout=60s
kubectl scale deployment/hubble-relay --namespace kube-system --replicas=0
