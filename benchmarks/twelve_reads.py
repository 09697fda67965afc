"""What somebody would write without labgrade: twelve reads with the Kubernetes client, and nothing else."""

import sys

from kubernetes import client, config


def main(kubeconfig: str, namespace: str) -> None:
    """Reads what the twelve checks of the lab `states` are about."""
    config.load_kube_config(config_file=kubeconfig)
    core, apps = client.CoreV1Api(), client.AppsV1Api()
    discovery, storage = client.DiscoveryV1Api(), client.StorageV1Api()
    apps.read_namespaced_deployment("web", namespace)
    apps.list_namespaced_replica_set(namespace)
    core.list_namespaced_pod(namespace)
    core.read_namespaced_service("web", namespace)
    discovery.list_namespaced_endpoint_slice(namespace)
    core.read_namespaced_pod("duo", namespace)
    core.list_node()
    core.list_namespaced_config_map(namespace)
    core.list_namespaced_service(namespace)
    apps.list_namespaced_deployment(namespace)
    core.list_namespaced_persistent_volume_claim(namespace)
    storage.list_storage_class()


if __name__ == "__main__":
    main(*sys.argv[1:])
