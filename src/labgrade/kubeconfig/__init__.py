"""A kubeconfig is data: rebuilt from the few things in it that are known to be harmless, never loaded."""

from labgrade.kubeconfig.access import Access, Contexts, contexts, expired, is_here, read
from labgrade.kubeconfig.child import child_environment, write
from labgrade.kubeconfig.refusal import quoted

__all__ = ["Access", "Contexts", "child_environment", "contexts", "expired", "is_here", "quoted", "read", "write"]
