# The first worker bears the shelf.
node=$(kubectl get nodes --selector='!node-role.kubernetes.io/control-plane' --output=name | head -n 1)
kubectl label "$node" kitchen/shelf=oak --overwrite
kubectl rollout status deployment/kitchen --timeout=60s
