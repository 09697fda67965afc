kubectl create namespace "$NAMESPACE-elsewhere"
kubectl create service clusterip my-app-service --tcp=80:80 -n "$NAMESPACE-elsewhere"
kubectl set selector service/my-app-service app=my-app -n "$NAMESPACE-elsewhere"
