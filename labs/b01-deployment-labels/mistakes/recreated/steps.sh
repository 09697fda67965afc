recreate() {
    kubectl delete deployment web --cascade=foreground
    kubectl create deployment web --image="$1" --replicas=3
    kubectl rollout status deployment/web --timeout=60s
}

recreate nginx:1.26
recreate nginx:1.22
pod=$(kubectl get pods -l app=web --sort-by=.metadata.creationTimestamp -o name | tail -n 1)
kubectl label "$pod" app=quarantine --overwrite
