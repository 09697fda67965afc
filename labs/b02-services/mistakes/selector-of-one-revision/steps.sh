kubectl rollout status deployment/my-app --timeout=60s
pod=$(kubectl get pods -l app=my-app,pod-template-hash -o name | head -n 1)
kubectl expose "$pod" --name=my-app-service --port=80
