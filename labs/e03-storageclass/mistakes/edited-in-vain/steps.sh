# A class keeps its reclaimPolicy: the API server refuses, and many do not read on.
kubectl get storageclass drawers -o yaml | sed 's/reclaimPolicy: Retain/reclaimPolicy: Delete/' | kubectl apply -f - || true
