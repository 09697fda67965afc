# Without HTTP rules, so that a cluster without Envoy takes it too: where it is matters here, not what it says.
kubectl create namespace "$NAMESPACE-elsewhere"
kubectl apply -n "$NAMESPACE-elsewhere" -f - <<'POLICY'
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata:
  name: http-policy
spec:
  endpointSelector:
    matchLabels:
      app: backend
  ingress:
    - fromEndpoints:
        - matchLabels:
            app: frontend
      toPorts:
        - ports:
            - port: "8080"
              protocol: TCP
POLICY
