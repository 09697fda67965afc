kubectl rollout status deployment/bistro --timeout=60s
kubectl patch configmap menu --type=merge --patch '{"data": {"greeting": "Good night, and mind the step."}}'
