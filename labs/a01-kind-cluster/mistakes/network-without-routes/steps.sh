kubectl wait --for=condition=Ready nodes --all --timeout=90s
