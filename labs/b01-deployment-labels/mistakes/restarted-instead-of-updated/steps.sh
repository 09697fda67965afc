kubectl rollout status deployment/web --timeout=60s
kubectl rollout restart deployment/web
kubectl rollout status deployment/web --timeout=60s

kubectl rollout undo deployment/web
kubectl rollout status deployment/web --timeout=60s

# The youngest Pod is one of the current template and not one that is on its way out.
pod=$(kubectl get pods -l app=web --sort-by=.metadata.creationTimestamp -o name | tail -n 1)
kubectl label "$pod" app=quarantine --overwrite
