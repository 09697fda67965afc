worker=$(kubectl get nodes --selector=topology.kubernetes.io/zone=zone-b --output=name)
kubectl cordon "$worker"
