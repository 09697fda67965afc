"""Traefik from its Go module: an Ingress controller, for the node image that has Cilium."""

from pathlib import Path

from images import edited, gobuild
from images.edited import Edit

VERSION = "3.6.12"
PATH = "github.com/traefik/traefik/v3"
SOURCE = Path(__file__).with_name("traefik")
RECIPES = SOURCE / "recipes"
NAMES = ("traefik",)
GO = gobuild.Module(
    source=SOURCE,
    names=NAMES,
    rounds=((f"{PATH}/cmd/traefik",),),
    ldflags=f"-s -w -X {PATH}/pkg/version.Version={VERSION}",
    packages=1300,
)

ECS = (
    '\tEcs                    *ecs.Provider                  `description:"Enables AWS ECS provider."'
    ' json:"ecs,omitempty" toml:"ecs,omitempty" yaml:"ecs,omitempty" label:"allowEmpty" file:"allowEmpty"'
    ' export:"true"`\n'
)
DNS = "dns.NewDNSChallengeProviderByName(p.DNSChallenge.Provider)"
ACME, PLUGINS, STATIC = (
    "pkg/provider/acme/provider.go",
    "pkg/plugins/middlewareyaegi.go",
    "pkg/config/static/static_config.go",
)
SYMBOLS = "".join(f'\t"github.com/traefik/yaegi/stdlib{part}"\n' for part in ("", "/syscall", "/unsafe"))
EDITS = (
    # Programs of a hundred and fifty sellers of names, none of which is reached from a cluster for labs.
    Edit(ACME, '\t"github.com/go-acme/lego/v4/providers/dns"\n', ""),
    Edit(ACME, DNS, 'nil, errors.New("this build of Traefik knows no DNS providers")'),
    # Amazon's EC2 is the dearest package of all to compile.
    Edit(STATIC, f'\t"{PATH}/pkg/provider/ecs"\n', ""),
    Edit(STATIC, ECS, ""),
    Edit(
        "pkg/provider/aggregator/aggregator.go", "\tif conf.Ecs != nil {\n\t\tp.quietAddProvider(conf.Ecs)\n\t}\n\n", ""
    ),
    # Plugins are fetched from the internet and interpreted, with all of Go's library kept for them.
    Edit(PLUGINS, SYMBOLS, ""),
    Edit(PLUGINS, "i.Use(stdlib.Symbols)", 'errors.New("this build of Traefik runs no plugins")'),
    Edit(PLUGINS, "i.Use(unsafe.Symbols)", "i.Use(nil)"),
    Edit(PLUGINS, "i.Use(syscall.Symbols)", "i.Use(nil)"),
)
"""What an Ingress controller for labs does not need and would cost minutes to compile."""


class Builder(edited.Builder):
    """The build of Traefik."""

    def __init__(self, cache: Path) -> None:
        super().__init__(cache, GO, path=PATH, edits=EDITS, without=("docs", "integration"))
