#!/bin/sh
# Apache as the container's own process; a process id left behind by a container before must not keep it from starting.
rm -f /run/apache2/apache2.pid
exec apache2 -DFOREGROUND "$@"
