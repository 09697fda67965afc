kubectl scale deployment/backend --replicas=0
