kubectl label pod/web-3 app=quarantine --overwrite
