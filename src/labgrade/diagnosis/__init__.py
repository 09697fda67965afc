"""Why labgrade does not run here: check-ups of the machine and of its cluster.

A check-up is one function that returns findings, and one line here. Their order is that of causes: what comes first
explains what follows, and `after` leaves out what an earlier trouble tells already.
"""

from labgrade.diagnosis.engines import container_engine
from labgrade.diagnosis.finding import CheckUp
from labgrade.diagnosis.images import images
from labgrade.diagnosis.installation import installation, proxies, speech
from labgrade.diagnosis.nodes import nodes, storage, system
from labgrade.diagnosis.practice import containers, target
from labgrade.diagnosis.reaching import api, clock
from labgrade.diagnosis.room import disk, kernel, memory
from labgrade.diagnosis.tools import kind, kubectl, skew
from labgrade.diagnosis.trial import leftovers, trial
from labgrade.text import Text

CHECK_UPS = (
    CheckUp(Text(en="the installation", fr="l'installation"), installation),
    CheckUp(Text(en="the terminal", fr="le terminal"), speech),
    CheckUp(Text(en="proxy variables", fr="les variables de proxy"), proxies),
    CheckUp(Text(en="the container engine", fr="le moteur de conteneurs"), container_engine, seconds=15),
    CheckUp(Text(en="memory", fr="la mémoire"), memory),
    CheckUp(Text(en="disk", fr="le disque"), disk),
    CheckUp(Text(en="kernel limits", fr="les limites du noyau"), kernel),
    CheckUp(Text(en="kind", fr="kind"), kind),
    CheckUp(Text(en="kubectl", fr="kubectl"), kubectl),
    CheckUp(Text(en="which cluster", fr="le cluster visé"), target),
    CheckUp(Text(en="the nodes' containers", fr="les conteneurs des nœuds"), containers, (target, container_engine)),
    CheckUp(Text(en="the API server", fr="l'API du cluster"), api, (target, containers), seconds=20),
    CheckUp(Text(en="clocks", fr="les horloges"), clock, (api,)),
    CheckUp(Text(en="kubectl's version", fr="la version de kubectl"), skew, (kubectl, api)),
    CheckUp(Text(en="nodes", fr="les nœuds"), nodes, (api,)),
    CheckUp(Text(en="system Pods", fr="les Pods du système"), system, (nodes,), seconds=20),
    CheckUp(Text(en="the default StorageClass", fr="la StorageClass par défaut"), storage, (api,)),
    CheckUp(Text(en="images on the nodes", fr="les images sur les nœuds"), images, (nodes,)),
    CheckUp(Text(en="leftovers", fr="les restes"), leftovers, (api,)),
    CheckUp(Text(en="a Pod, tried", fr="l'essai d'un Pod"), trial, (nodes, system), seconds=60),
)
