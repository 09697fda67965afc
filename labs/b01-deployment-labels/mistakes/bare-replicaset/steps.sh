kubectl set image replicaset/web nginx=nginx:1.26
kubectl set image replicaset/web nginx=nginx:1.22
pod=$(kubectl get pods -l app=web -o name | tail -n 1)
kubectl label "$pod" app=quarantine --overwrite
