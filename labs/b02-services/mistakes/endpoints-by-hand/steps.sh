kubectl rollout status deployment/my-app --timeout=60s
addresses=$(kubectl get pods -l app=my-app,pod-template-hash -o jsonpath='{range .items[*]}{.status.podIP}{"\n"}{end}')
{
  cat <<'SLICE'
apiVersion: discovery.k8s.io/v1
kind: EndpointSlice
metadata:
  name: my-app-service-by-hand
  labels:
    kubernetes.io/service-name: my-app-service
addressType: IPv4
ports:
  - port: 80
endpoints:
SLICE
  printf -- '  - addresses: [%s]\n' $addresses
} | kubectl apply -f -
