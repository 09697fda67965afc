node=$(kubectl get nodes --selector='!node-role.kubernetes.io/control-plane' --output=name | head -n 1)
kubectl label "$node" kitchen/shelf=oak --overwrite
# The first Pod may have come to another node before that.
kubectl rollout restart deployment/kitchen
kubectl rollout status deployment/kitchen --timeout=60s
