kubectl apply --namespace kube-system --filename - <<'END'
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: cilium
  labels: {k8s-app: cilium}
spec:
  selector:
    matchLabels: {k8s-app: cilium}
  template:
    metadata:
      labels: {k8s-app: cilium}
    spec:
      terminationGracePeriodSeconds: 1
      tolerations:
        - operator: Exists
      containers:
        - name: cilium-agent
          image: busybox:1.36
          command: [sleep, "86400"]
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: cilium-operator
spec:
  selector:
    matchLabels: {io.cilium/app: operator}
  template:
    metadata:
      labels: {io.cilium/app: operator}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: cilium-operator
          image: busybox:1.36
          command: [sleep, "86400"]
END
kubectl rollout status daemonset/cilium --namespace kube-system --timeout=60s
