# The refusal is the point: were it accepted, this would be another mistake.
! kubectl apply -f - <<'POLICY'
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
            - port: 8080
              protocol: TCP
          rules:
            http:
              - method: GET
                path: /api/.*
POLICY
