newer=nginx:1.26

kubectl rollout status deployment/web --timeout=60s
kubectl set image deployment/web "nginx=$newer"
kubectl rollout status deployment/web --timeout=60s

kubectl rollout undo deployment/web
kubectl rollout status deployment/web --timeout=60s

# The youngest Pod is one of the current template and not one that is on its way out.
pod=$(kubectl get pods -l app=web --sort-by=.metadata.creationTimestamp -o name | tail -n 1)
kubectl label "$pod" app=quarantine --overwrite
kubectl rollout status deployment/web --timeout=60s
kubectl patch deployment web --patch '{"spec": {"template": {"spec": {"containers": [{"name": "nginx", "command": ["ngnix"]}]}}}}'
