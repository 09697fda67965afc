kubectl rollout status deployment/web --timeout=60s
pod=$(kubectl get pods -l app=web -o name | tail -n 1)
kubectl set image deployment/web nginx=ngnix:1.26
kubectl label "$pod" app=quarantine --overwrite
