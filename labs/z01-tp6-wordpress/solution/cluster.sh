api=$(kubectl get nodes --selector=node-role.kubernetes.io/control-plane \
  --output=jsonpath='{.items[0].status.addresses[?(@.type=="InternalIP")].address}')
helm upgrade --install cilium "$CILIUM_CHART" --version "$CILIUM_VERSION" --namespace kube-system \
  --values "$CILIUM_VALUES" --set ipam.mode=kubernetes --set operator.replicas=1 \
  --set kubeProxyReplacement=true --set k8sServiceHost="$api" --set k8sServicePort=6443 \
  --set hubble.enabled=true --set hubble.relay.enabled=true

# Any Ingress controller will do, on the two ports of the nodes that kind.yaml leads to.
kubectl apply --filename - <<'END'
apiVersion: v1
kind: Namespace
metadata:
  name: traefik
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: traefik
  namespace: traefik
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: traefik
rules:
  - apiGroups: [""]
    resources: [services, secrets, nodes, configmaps, namespaces]
    verbs: [get, list, watch]
  - apiGroups: [discovery.k8s.io]
    resources: [endpointslices]
    verbs: [get, list, watch]
  - apiGroups: [networking.k8s.io]
    resources: [ingresses, ingressclasses]
    verbs: [get, list, watch]
  - apiGroups: [networking.k8s.io]
    resources: [ingresses/status]
    verbs: [update]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: traefik
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: traefik
subjects:
  - kind: ServiceAccount
    name: traefik
    namespace: traefik
---
apiVersion: networking.k8s.io/v1
kind: IngressClass
metadata:
  name: traefik
spec:
  controller: traefik.io/ingress-controller
---
apiVersion: apps/v1
kind: Deployment
metadata:
  name: traefik
  namespace: traefik
  labels:
    app.kubernetes.io/name: traefik
spec:
  selector:
    matchLabels:
      app.kubernetes.io/name: traefik
  template:
    metadata:
      labels:
        app.kubernetes.io/name: traefik
    spec:
      serviceAccountName: traefik
      terminationGracePeriodSeconds: 1
      containers:
        - name: traefik
          image: traefik:v3.6.12
          args:
            - --global.checknewversion=false
            - --entrypoints.web.address=:8000
            - --entrypoints.websecure.address=:8443
            - --entrypoints.traefik.address=:8080
            - --providers.kubernetesingress
            - --providers.kubernetesingress.ingressendpoint.publishedservice=traefik/traefik
            - --ping
          ports:
            - {name: web, containerPort: 8000}
            - {name: websecure, containerPort: 8443}
            - {name: traefik, containerPort: 8080}
          readinessProbe:
            httpGet: {path: /ping, port: traefik}
            periodSeconds: 1
          securityContext:
            allowPrivilegeEscalation: false
            capabilities: {drop: [ALL]}
            runAsNonRoot: true
            runAsUser: 65532
---
apiVersion: v1
kind: Service
metadata:
  name: traefik
  namespace: traefik
spec:
  type: NodePort
  selector:
    app.kubernetes.io/name: traefik
  ports:
    - {name: web, port: 80, targetPort: web, nodePort: 30080}
    - {name: websecure, port: 443, targetPort: websecure, nodePort: 30443}
END

kubectl rollout status daemonset/cilium --namespace kube-system --timeout=300s
kubectl rollout status deployment/cilium-operator --namespace kube-system --timeout=60s
kubectl rollout status deployment/coredns --namespace kube-system --timeout=60s
kubectl rollout status deployment/hubble-relay --namespace kube-system --timeout=60s
kubectl rollout status deployment/traefik --namespace traefik --timeout=120s
